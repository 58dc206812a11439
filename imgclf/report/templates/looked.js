"use strict";
// Where a network saw what it says: lays warm colours over a picture, the brighter the more a place
// adds to the answer.
//
// canvas: to be drawn on. image: the picture, loaded. values: base64 of a byte for each place.
// view: how many places there are, what size the network takes, and how the picture came to it.
function drawLooked(canvas, image, values, view) {
  const [rows, columns] = view.places;
  const small = document.createElement("canvas");
  [small.width, small.height] = [columns, rows];
  const colours = new ImageData(columns, rows);
  [...atob(values)].forEach((letter, place) => {
    const share = letter.charCodeAt(0) / 255;
    colours.data.set([255, 40 + 190 * share * share, 20, 215 * share ** 1.5], 4 * place);
  });
  small.getContext("2d").putImageData(colours, 0, 0);
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  [canvas.width, canvas.height] = [width, height];
  // What the network saw: all of it, the middle of it, or all and something around it.
  let seen = [width, height];
  if (view.resize !== "stretch") {
    const sides = [width / view.size[1], height / view.size[0]];
    const scale = view.resize === "crop" ? Math.min(...sides) : Math.max(...sides);
    seen = [scale * view.size[1], scale * view.size[0]];
  }
  const on = canvas.getContext("2d");
  on.filter = "grayscale(0.6) brightness(0.8)";
  on.drawImage(image, 0, 0);
  on.filter = "none";
  on.imageSmoothingQuality = "high";
  on.drawImage(small, (width - seen[0]) / 2, (height - seen[1]) / 2, ...seen);
}
