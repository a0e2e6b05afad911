// The demo partner's pages: list what the scripts tell the page, and mend the API without leaving it.
"use strict";

const list = document.querySelector(".events");
for (const name of ["ready", "prefilled", "unavailable", "denied", "rejected", "submitted", "resize"]) {
  document.addEventListener(`vestibule:${name}`, ({ detail }) => {
    if (!list || (name === "resize" && list.lastElementChild && list.lastElementChild.dataset.name === name)) return;
    const line = document.createElement("li");
    line.dataset.name = name;
    line.textContent = `vestibule:${name}${detail.code ? ` (${detail.code})` : ""}`;
    list.append(line);
  });
}

for (const form of document.querySelectorAll(".mend")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [button, output] = [form.querySelector("button"), form.querySelector("output")];
    button.disabled = true;
    output.textContent = "Mending the API, starting a replay…";
    try {
      const answer = await fetch(form.action, { method: "POST" });
      output.textContent = await answer.text();
    } catch {
      output.textContent = "The demo partner does not answer. Is `vestibule up` still running?";
    }
    button.disabled = false;
  });
}
