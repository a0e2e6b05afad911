// The card to scratch: foil over what the page says, rubbed away by finger, pen or mouse, or taken off by a button.
// Also leads from step to step: whoever goes on by keyboard or hears the page starts at the step's heading.
"use strict";

(() => {
  const COLUMNS = 16;
  const ROWS = 8;
  const ENOUGH = 0.45; // of the foil; the rest then comes off by itself
  const BRUSH = 0.16; // of the card's height

  const game = document.querySelector(".game");
  const { hint, scratch, reveal } = game.dataset;
  const { lang, dir } = game.querySelector("summary"); // of our words, where they are not in the page's language

  const made = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
  const saying = (tag, className, text) => Object.assign(made(tag, className, text), lang && { lang, dir });

  const prize = game.querySelector(".prize");
  const card = made("div", "ticket");
  const foil = made("canvas", "foil");
  const button = saying("button", "quiet", reveal);
  const advice = saying("p", "message", hint);
  const rubbed = new Set();

  const lay = () => {
    const { width, height } = card.getBoundingClientRect();
    if (!width || rubbed.size) return; // not shown yet, or begun
    const scale = window.devicePixelRatio || 1;
    foil.width = width * scale;
    foil.height = height * scale;
    const pen = foil.getContext("2d");
    const style = getComputedStyle(card);
    pen.scale(scale, scale);
    const sheen = pen.createLinearGradient(0, 0, width, height);
    [["0", "--foil"], ["0.5", "--foil-bright"], ["1", "--foil"]].forEach(([at, name]) =>
      sheen.addColorStop(Number(at), style.getPropertyValue(name).trim()),
    );
    pen.fillStyle = sheen;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = style.getPropertyValue("--foil-dots").trim();
    for (let y = 12; y < height; y += 22) {
      for (let x = (y / 22) % 2 < 1 ? 10 : 21; x < width; x += 22) pen.fillRect(x, y, 3, 3);
    }
    pen.fillStyle = style.getPropertyValue("--foil-ink").trim();
    pen.font = `650 ${Math.round(Math.min(height / 8, width / 14))}px ${style.fontFamily}`; // a long gift makes it high
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(scratch, width / 2, height / 2);
  };

  const show = () => {
    if (card.classList.contains("is-open")) return;
    card.classList.add("is-open");
    prize.removeAttribute("aria-hidden");
    advice.hidden = button.hidden = true;
  };

  const rub = (event) => {
    if (!event.buttons) return;
    const { left, top, width, height } = foil.getBoundingClientRect();
    const pen = foil.getContext("2d");
    const radius = height * BRUSH;
    pen.globalCompositeOperation = "destination-out";
    for (const { clientX, clientY } of [...(event.getCoalescedEvents?.() || []), event]) {
      const [x, y] = [clientX - left, clientY - top];
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
      for (let column = 0; column < COLUMNS; column += 1) {
        for (let row = 0; row < ROWS; row += 1) {
          const [dx, dy] = [((column + 0.5) * width) / COLUMNS - x, ((row + 0.5) * height) / ROWS - y];
          if (dx * dx + dy * dy < radius * radius) rubbed.add(column * ROWS + row);
        }
      }
    }
    if (rubbed.size > ENOUGH * COLUMNS * ROWS) show();
  };

  foil.setAttribute("aria-hidden", "true");
  prize.setAttribute("aria-hidden", "true"); // until it is won
  prize.tabIndex = -1;
  button.type = "button";
  foil.addEventListener("pointerdown", (event) => {
    foil.setPointerCapture(event.pointerId);
    rub(event);
  });
  foil.addEventListener("pointermove", rub);
  button.addEventListener("click", () => {
    show();
    prize.focus({ preventScroll: true }); // the button is gone, and this is to be heard
  });
  card.append(prize, foil);
  game.replaceWith(advice, card, button);
  new ResizeObserver(lay).observe(card);
  document.fonts.ready.then(lay);

  window.addEventListener("hashchange", () => {
    const step = document.querySelector(".step:target");
    (step && step.querySelector("h2") || document.querySelector("h1")).focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
})();

/** Put what the session's token promises on the card, if it promises anything. */
function showGift({ gift }) {
  if (!gift || gift.can_win === false || !gift.label) return;
  const text = document.querySelector(".prize-text");
  text.textContent = gift.label;
  for (const name of ["lang", "dir"]) text.removeAttribute(name); // they were of our words
}
