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
  const button = parentElement.querySelector("button");
  button.hidden = !data.copied;
  button.setAttribute("aria-label", "Copy the new text");
  button.onclick = async () => {
    button.textContent = (await copied(data.copied, parentElement)) ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
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

// The clipboard needs a secure page: on another address without TLS only the old way works.
async function copied(text, parentElement) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position:fixed;opacity:0";
    parentElement.querySelector(".pair").append(field);
    field.select();
    const worked = document.execCommand("copy");
    field.remove();
    return worked;
  }
}
