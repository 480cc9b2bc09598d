// What saves the chart as a file of its own: presses the page's hidden button, null where there is none.
function htmlSaver(frame) {
  const room = frame.getRootNode().host?.closest("[class*='st-key-lp_saved_']");
  return room ? () => room.querySelector("[class*='st-key-lp_html_'] button")?.click() : null;
}
