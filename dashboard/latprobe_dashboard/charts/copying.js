// A button that copies a text and says for a moment whether it could.
function copies(button, text, box) {
  button.onclick = async () => {
    button.textContent = (await copied(text, box)) ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
}

// The clipboard needs a secure page: on another address without TLS only the old way works.
async function copied(text, box) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position:fixed;opacity:0";
    box.append(field);
    field.select();
    const worked = document.execCommand("copy");
    field.remove();
    return worked;
  }
}
