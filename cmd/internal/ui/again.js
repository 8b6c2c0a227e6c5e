// Within both pages, as it must be there when nothing else is. A page that is cut off as it loads, as when the phone changes networks, would stay half a page:
// it is loaded anew as soon as the kit is heard. So is one that takes too long, as what it waits for may be lost; longer each time, since the way may be narrow.
(function () {
  let settled = false;
  const tries = Math.min(Number(history.state) || 0, 3);
  function ask() {
    const cut = new AbortController();
    const late = setTimeout(() => cut.abort(), 3000);
    fetch("", { cache: "no-store", signal: cut.signal }).then(
      () => location.reload(),
      () => { clearTimeout(late); setTimeout(ask, 500); },
    );
  }
  function anew() {
    if (settled) return;
    settled = true;
    stop(); // or what hangs keeps all connections
    history.replaceState(tries + 1, "");
    ask();
  }
  /** @param {(tag: string) => void} then */
  const of = (then) => (/** @type {Event} */ e) => { if (e.target instanceof Element) then(e.target.tagName); };
  document.addEventListener("load", of((tag) => { if (tag === "SCRIPT") settled = true; }), true);
  document.addEventListener("error", of((tag) => { if (tag === "SCRIPT" || tag === "LINK") anew(); }), true);
  setTimeout(anew, 8000 << tries);
})();
