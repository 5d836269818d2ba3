"use strict";
// Time charts on a canvas: lines, steps, a band, marks for fills, a crosshair. Knows nothing of the trader.

const PAD = {left: 8, right: 52, top: 8, bottom: 20};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function niceStep(span, most) {
  const rough = span / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 2.5, 5, 10].find((one) => power * one >= rough);
}

/* options: lines [{column, colour, label, step, width, dash}], band [low, high], zero, format (of the legend), axis, minSpan */
class Chart {
  constructor(figure, options) {
    this.canvas = figure.querySelector("canvas");
    this.legend = figure.querySelector(".legend");
    this.options = options;
    this.rows = []; this.marks = []; this.from = 0; this.to = 1; this.at = null;
    this.values = this.makeLegend();
    this.canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  makeLegend() {
    return this.options.lines.map((line) => {
      const item = document.createElement("span"), key = document.createElement("i"), value = document.createElement("b");
      const ink = `var(--${line.colour})`;
      key.style.background = line.dash ? `repeating-linear-gradient(90deg, ${ink} 0 3px, transparent 3px 5.5px)` : ink;
      item.append(key, line.label, " ", value);
      this.legend.append(item);
      return value;
    });
  }

  show(rows, marks, from, to) {
    Object.assign(this, {rows, marks, from, to});
    this.draw();
  }

  point(x) {
    this.at = x;
    this.draw();
  }

  draw() {
    const box = this.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!box.width) return;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    const pen = this.pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    this.width = box.width - PAD.left - PAD.right;
    this.height = box.height - PAD.top - PAD.bottom;
    const seen = this.rows.filter((row) => row.at_ms >= this.from && row.at_ms <= this.to);
    const marks = this.marks.filter((mark) => mark.at_ms >= this.from && mark.at_ms <= this.to);
    this.scale(seen, marks);
    this.drawAxes();
    this.drawBand(seen);
    this.options.lines.forEach((line) => this.drawLine(seen, line));
    marks.forEach((mark) => this.drawMark(mark));
    this.drawCrosshair(seen);
  }

  scale(rows, marks) {
    const columns = this.options.lines.map((line) => line.column);
    const values = rows.flatMap((row) => columns.map((column) => row[column])).filter((value) => value !== null);
    values.push(...marks.map((mark) => mark.price));
    if (this.options.zero || !values.length) values.push(0);
    let low = Math.min(...values), high = Math.max(...values);
    const lack = (this.options.minSpan - (high - low)) / 2;
    if (lack > 0) { low -= lack; high += lack; }
    const margin = (high - low) * 0.06;
    [this.low, this.high] = [low - margin, high + margin];
  }

  x(at_ms) { return PAD.left + (at_ms - this.from) / (this.to - this.from) * this.width; }
  y(value) { return PAD.top + (this.high - value) / (this.high - this.low) * this.height; }

  drawAxes() {
    const {pen} = this, right = PAD.left + this.width;
    pen.lineWidth = 1;
    pen.textBaseline = "middle"; pen.textAlign = "left";
    const step = niceStep(this.high - this.low, Math.max(3, this.height / 40));
    for (let value = Math.ceil(this.low / step) * step; value <= this.high; value += step) {
      const y = Math.round(this.y(value)) + 0.5, isZero = Math.abs(value) < step / 1e6;
      this.rule(PAD.left, y, right, y, isZero && this.options.zero ? "soft" : "grid");
      pen.fillStyle = colour("soft");
      pen.fillText(this.options.axis(isZero ? 0 : value), right + 6, y);
    }
    pen.textBaseline = "top"; pen.textAlign = "center";
    for (const at_ms of this.timeTicks()) {
      const x = Math.round(this.x(at_ms)) + 0.5;
      this.rule(x, PAD.top, x, PAD.top + this.height, "grid");
      pen.fillStyle = colour("soft");
      if (x > 24 && x < right - 12) pen.fillText(this.clock(at_ms), x, PAD.top + this.height + 6);
    }
  }

  timeTicks() {
    const span = this.to - this.from, most = Math.max(2, this.width / 90);
    const step = [15, 30, 60, 120, 300, 600, 900, 1800].map((s) => s * 1000).find((one) => span / one <= most) || 3600000;
    const first = Math.ceil(this.from / step) * step;
    return Array.from({length: Math.max(0, Math.floor((this.to - first) / step) + 1)}, (_, count) => first + count * step);
  }

  clock(at_ms) {
    return new Date(at_ms).toLocaleTimeString("en-GB", this.to - this.from > 900000 ? {hour: "2-digit", minute: "2-digit"} : {});
  }

  rule(x1, y1, x2, y2, name) {
    const {pen} = this;
    pen.strokeStyle = colour(name);
    pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke();
  }

  drawBand(rows) {
    if (!this.options.band) return;
    const [low, high] = this.options.band;
    this.pen.fillStyle = colour("fill");
    for (let i = 0; i + 1 < rows.length; i++) {
      const row = rows[i];
      if (row[low] === null || row[high] === null) continue;
      const x = this.x(row.at_ms), top = this.y(row[high]);
      this.pen.fillRect(x, top, this.x(rows[i + 1].at_ms) - x, this.y(row[low]) - top);
    }
  }

  drawLine(rows, line) {
    const {pen} = this;
    pen.strokeStyle = colour(line.colour);
    pen.lineWidth = line.width || 1.5; pen.lineJoin = "round";
    pen.setLineDash(line.dash || []);
    pen.beginPath();
    let before = null;
    for (const row of rows) {
      const value = row[line.column];
      if (value === null) { before = null; continue; }
      const x = this.x(row.at_ms), y = this.y(value);
      if (before === null) pen.moveTo(x, y);
      else { if (line.step) pen.lineTo(x, before); pen.lineTo(x, y); }
      before = y;
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  drawMark(mark) {
    const {pen} = this, x = this.x(mark.at_ms), y = this.y(mark.price), way = mark.side === "BUY" ? 1 : -1, size = this.width < 500 ? 3.5 : 5;
    pen.fillStyle = colour(mark.side === "BUY" ? "up" : "down");
    pen.strokeStyle = colour("card"); pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x, y - way * size); pen.lineTo(x + size, y + way * size); pen.lineTo(x - size, y + way * size);
    pen.closePath(); pen.stroke(); pen.fill();
  }

  drawCrosshair(rows) {
    let shown = rows[rows.length - 1];
    if (this.at !== null && rows.length) {
      const at_ms = this.from + (this.at - PAD.left) / this.width * (this.to - this.from);
      shown = rows.reduce((best, row) => Math.abs(row.at_ms - at_ms) < Math.abs(best.at_ms - at_ms) ? row : best);
      const x = Math.round(this.x(shown.at_ms)) + 0.5;
      this.rule(x, PAD.top, x, PAD.top + this.height, "soft");
    }
    this.options.lines.forEach((line, index) => {
      const value = shown ? shown[line.column] : null;
      this.values[index].textContent = value === null ? "–" : this.options.format(value);
    });
  }
}

/* A small line without axes, on a logarithmic scale: latencies span decades. */
function drawSpark(canvas, values, name) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d"), known = values.filter((value) => value !== null).map(Math.log10);
  if (known.length < 2) return;
  const low = Math.min(...known) - 0.15, high = Math.max(...known) + 0.15;
  pen.scale(ratio, ratio);
  pen.strokeStyle = colour(name); pen.lineWidth = 1.4; pen.lineJoin = "round";
  pen.beginPath();
  known.forEach((value, index) => pen.lineTo(1 + index / (known.length - 1) * (width - 2), height - (value - low) / (high - low) * height));
  pen.stroke();
}
