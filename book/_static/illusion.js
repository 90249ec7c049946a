// Links that depend on where a page lies, and the explorer opened on one item.
(() => {
  const root = () => document.documentElement.dataset.content_root || "./";
  const link = (span, address, download) => {
    const anchor = document.createElement("a");
    anchor.href = address;
    if (download) anchor.setAttribute("download", "");
    span.replaceWith(anchor);
    anchor.append(...span.childNodes);
  };
  const addLinks = () => {
    for (const span of document.querySelectorAll("span[data-item]"))
      link(span, `${root()}book/items.html#item=${encodeURIComponent(span.dataset.item)}`, false);
    for (const span of document.querySelectorAll("span[data-file]"))
      link(span, `${root()}_static/records/${span.dataset.file}`, true);
  };
  const openItem = (tries) => {
    const wanted = decodeURIComponent((location.hash.match(/^#item=(.+)$/) || [])[1] || "");
    if (!wanted) return;
    const box = document.querySelector(".dt-container .dt-search input");
    if (!box) { if (tries > 0) setTimeout(openItem, 200, tries - 1); return; }
    box.value = wanted;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.closest(".dt-container").scrollIntoView({ block: "start" });
  };
  // Phones show no scroll bar: a table says itself that it goes on to the right.
  const markWide = () => {
    for (const box of document.querySelectorAll(".data-scroll")) {
      const follow = () =>
        box.toggleAttribute("data-more", box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
      box.addEventListener("scroll", follow, { passive: true });
      new ResizeObserver(follow).observe(box);
    }
  };
  const ready = () => { addLinks(); markWide(); openItem(100); };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready); else ready();
  addEventListener("hashchange", () => openItem(100));
  // The theme lets the keyboard into code that scrolls, as measured before the page has its last width.
  addEventListener("load", () => dispatchEvent(new Event("resize")));
})();

// The explorer's table has its own dark colours, under a class that the theme does not set.
(() => {
  const page = document.documentElement;
  const follow = () => page.classList.toggle("dark", page.dataset.theme === "dark");
  new MutationObserver(follow).observe(page, { attributeFilter: ["data-theme"] });
  follow();
})();
