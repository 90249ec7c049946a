// An address such as items.html#item=capital/ID/en opens the explorer on that item.
(() => {
  const wanted = () => decodeURIComponent((location.hash.match(/^#item=(.+)$/) || [])[1] || "");
  const fill = (tries) => {
    const text = wanted();
    if (!text) return;
    const box = document.querySelector(".dt-container .dt-search input");
    if (!box) { if (tries > 0) setTimeout(fill, 200, tries - 1); return; }
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.closest(".dt-container").scrollIntoView({ block: "start" });
  };
  addEventListener("DOMContentLoaded", () => fill(100));
  addEventListener("hashchange", () => fill(100));
})();
