// Text in a box with a button that copies it. Every text is set with textContent.
export default function ({ data, parentElement }) {
  const box = parentElement.querySelector(".listing");
  const text = box.querySelector("pre");
  text.style.maxHeight = data.height ? `${data.height}px` : "";
  text.classList.toggle("wrapped", data.wrapped);
  text.replaceChildren(...(data.wrapped ? [data.text] : data.text.split("\n").flatMap(dimmed)));
  const button = box.querySelector("button");
  button.setAttribute("aria-label", "Copy to clipboard");
  copies(button, data.text, box);
}

// A line's comment in a dimmer ink.
function dimmed(line, at) {
  const [, code, comment] = /^(.*?)((?:^|\s)#.*)?$/.exec(line);
  const drawn = [(at ? "\n" : "") + code];
  if (comment) {
    const note = document.createElement("span");
    note.textContent = comment;
    drawn.push(note);
  }
  return drawn;
}
