// Two texts with their differences marked. Every text is set with textContent.
export default function ({ data, parentElement }) {
  const sides = parentElement.querySelectorAll(".side");
  data.sides.forEach((side, at) => {
    const section = sides[at];
    section.querySelector("header b").textContent = side.label;
    section.querySelector("header span").textContent = side.note;
    const text = section.querySelector("pre");
    text.style.maxHeight = `${data.height}px`;
    text.setAttribute("aria-label", side.label);
    text.replaceChildren(...side.runs.map((run) => drawn(run, at)));
  });
  parentElement.querySelector(".pair").classList.toggle("one", data.sides.length === 1);
  const button = parentElement.querySelector("button");
  button.hidden = !data.copied;
  button.setAttribute("aria-label", "Copy the new text");
  copies(button, data.copied, parentElement.querySelector(".pair"));
  parentElement.querySelector(".note").textContent = data.note;
  parentElement.querySelector(".legend").hidden = !data.note && !data.marked;
}

function drawn([mark, text], at) {
  if (!mark) return document.createTextNode(text);
  const run = document.createElement(at ? "ins" : "del");
  run.className = mark === 1 && !at ? "gone" : "new";
  run.textContent = text;
  return run;
}
