// What is used of openh264's decoder, laid out as its headers codec_api.h, codec_app_def.h and codec_def.h have it; abi_test.go holds
// one against the other. The headers come with mediadevices, out of a C compiler's reach from here.
#include <stdbool.h>

typedef struct { // SDecodingParam
	char *reconstructed;
	unsigned int cpuLoad;
	unsigned char layer;
	int concealment;
	bool parseOnly;
	unsigned int propertySize;
	int bitstream;
} edgekit_param;

typedef struct { // SBufferInfo
	int ready;
	unsigned long long in, out;
	int width, height, format, stride[2];
	unsigned char *plane[3];
} edgekit_picture;

typedef struct edgekit_calls edgekit_calls;
typedef const edgekit_calls *edgekit_decoder; // ISVCDecoder

struct edgekit_calls { // ISVCDecoderVtbl
	long (*initialize)(edgekit_decoder *, const edgekit_param *);
	long (*uninitialize)(edgekit_decoder *);
	void *decodeFrame, *decodeNoDelay;
	int (*decodeFrame2)(edgekit_decoder *, const unsigned char *, int, unsigned char **, edgekit_picture *);
	void *flush, *parse, *decodeEx;
	long (*setOption)(edgekit_decoder *, int, void *);
};

enum { edgekit_trace_level = 9, edgekit_i420 = 23 }; // DECODER_OPTION_TRACE_LEVEL, videoFormatI420
