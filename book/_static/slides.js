// Show the sections of the page on slides one at a time; without this script it is an ordinary page.
addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".slides-start");
  if (!place) return;
  const slides = [...document.querySelectorAll("article > section > section")];
  const body = document.body;
  let current = 0;

  const button = document.createElement("button");
  button.type = "button";
  button.className = "slides-button";
  button.textContent = `Show the ${slides.length} slides`;
  place.append(button);

  const where = document.createElement("div");
  where.className = "slides-where";
  where.setAttribute("role", "status");

  const controls = document.createElement("nav");
  controls.className = "slides-controls";
  controls.setAttribute("aria-label", "Slides");
  const control = (text, name, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", name);
    made.addEventListener("click", act);
    return made;
  };

  const show = (wanted) => {
    current = Math.max(0, Math.min(slides.length - 1, wanted));
    slides.forEach((slide, i) => slide.classList.toggle("slide-shown", i === current));
    where.textContent = `${current + 1} of ${slides.length}`;
    scrollTo(0, 0);
  };
  const begin = () => { body.classList.add("presenting"); body.append(controls); show(current); };
  const end = () => { body.classList.remove("presenting"); controls.remove(); button.focus(); };
  controls.append(
    control("←", "Previous slide", () => show(current - 1)), where,
    control("→", "Next slide", () => show(current + 1)), control("×", "End the slides", end),
  );
  button.addEventListener("click", begin);

  const keys = {
    ArrowRight: () => show(current + 1), PageDown: () => show(current + 1), " ": () => show(current + 1),
    ArrowLeft: () => show(current - 1), PageUp: () => show(current - 1),
    Home: () => show(0), End: () => show(slides.length - 1), Escape: end,
  };
  addEventListener("keydown", (event) => {
    const typed = event.target.closest("input, textarea, button") && event.key === " ";
    if (!body.classList.contains("presenting") || !keys[event.key] || typed) return;
    event.preventDefault();
    event.stopPropagation(); // the theme turns pages with the arrow keys
    keys[event.key]();
  }, true);
});
