// What does the page do beyond showing? A cross-hair through all runs with their values at that moment, and the reasons of a
// decision beside its marker: by mouse, by finger and by keyboard. It reads what is drawn; there is no second copy of the data.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const span = Number(document.body.dataset.span);
  const start = document.body.dataset.start === undefined ? null : Number(document.body.dataset.start);
  const tip = document.getElementById("tip");
  const two = (number) => String(number).padStart(2, "0");

  const clock = (seconds) => {
    const whole = Math.floor(start === null ? seconds : (((start + seconds) % 86400) + 86400) % 86400);
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
    if (start !== null) return `${two(hours)}:${two(minutes)}:${two(whole % 60)}`;
    return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  };

  // Corners of a staircase "M0 40v-3h16…V40": from each x on, the height above the ground.
  const corners = (path, ground) => {
    const found = { xs: [], ys: [] };
    let [x, y] = [0, ground];
    for (const [, command, a] of path.getAttribute("d").matchAll(/([MhvV])(-?\d+)/g)) {
      const value = Number(a);
      if (command === "M") x = value;
      if (command === "h") x += value;
      if (command === "v") y += value;
      if (command === "V") y = value;
      if (command === "M" || command === "h") {
        found.xs.push(x);
        found.ys.push(ground - y);
      } else if (found.ys.length) {
        found.ys[found.ys.length - 1] = ground - y;
      }
    }
    return found;
  };

  const heightAt = ({ xs, ys }, x) => {
    let [low, high] = [0, xs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= x) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : ys[low - 1];
  };

  const runs = all(".run").map((figure) => {
    const plot = figure.querySelector(".plot");
    const [width, height, slots] = ["width", "height", "slots"].map((name) => Number(plot.dataset[name]));
    const values = all(".readout b", figure).map((cell) => ({
      cell,
      most: cell.textContent,
      path: figure.querySelector(`path[data-series="${cell.dataset.series}"]`),
      unit: cell.dataset.series === "demand" ? 1 : slots,
    }));
    return {
      plot, width, height, values,
      field: plot.querySelector(".field"), cursor: plot.querySelector(".cursor"), when: figure.querySelector(".when"),
      strip: plot.querySelector(".strip"), markers: all(".strip a", plot),
    };
  });

  // The moment, as a share of the span; null for none.
  const showMoment = (share) => {
    for (const run of runs) {
      run.cursor.classList.toggle("on", share !== null);
      run.when.textContent = share === null ? "peak" : clock(share * span);
      if (share !== null) run.cursor.style.left = `${share * 100}%`;
      for (const value of run.values) {
        if (share === null) {
          value.cell.textContent = value.most;
        } else {
          value.corners ??= corners(value.path, run.height);
          value.cell.textContent = String(Math.round(heightAt(value.corners, share * run.width) / value.unit));
        }
      }
    }
  };

  let shown = null;
  const hide = () => {
    shown?.classList.remove("on");
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  };

  const show = (marker) => {
    if (shown === marker) return;
    hide();
    const entry = document.getElementById(marker.getAttribute("href").slice(1));
    if (!entry) return;
    shown = marker;
    tip.replaceChildren(...entry.cloneNode(true).childNodes);
    tip.hidden = false;
    marker.classList.add("on");
    marker.setAttribute("aria-describedby", "tip");
    const at = marker.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left - tip.offsetWidth / 2), document.documentElement.clientWidth - tip.offsetWidth - 8);
    const isBelow = at.bottom + tip.offsetHeight + 8 < innerHeight || at.top < tip.offsetHeight + 8;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(isBelow ? at.bottom + 4 : at.top - tip.offsetHeight - 4) + scrollY}px`;
    showMoment(parseFloat(marker.style.left) / 100);
  };

  const nearest = (run, clientX, within) => {
    const box = run.strip.getBoundingClientRect();
    let best = null;
    let distance = within;
    for (const marker of run.markers) {
      const away = Math.abs(box.left + (parseFloat(marker.style.left) / 100) * box.width - clientX);
      if (away < distance) [best, distance] = [marker, away];
    }
    return best;
  };

  for (const run of runs) {
    for (const [index, marker] of run.markers.entries()) {
      // The browser's own tooltip would come on top of ours; its text stays as the name.
      marker.setAttribute("aria-label", marker.title);
      marker.removeAttribute("title");
      marker.tabIndex = index === 0 ? 0 : -1;
      marker.addEventListener("focus", () => show(marker));
      marker.addEventListener("click", (event) => {
        event.preventDefault();
        show(marker);
      });
    }
    const follow = (event) => {
      const box = run.field.getBoundingClientRect();
      const isOnStrip = run.strip.contains(event.target);
      const marker = isOnStrip ? nearest(run, event.clientX, event.pointerType === "touch" ? 24 : 10) : null;
      if (marker) return show(marker);
      hide();
      showMoment(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
    };
    run.plot.addEventListener("pointermove", follow);
    run.plot.addEventListener("pointerdown", follow);
    run.plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "touch") return;
      hide();
      showMoment(null);
    });
    run.strip.addEventListener("keydown", (event) => {
      const index = run.markers.indexOf(document.activeElement);
      const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: run.markers.length - 1 }[event.key];
      if (index < 0 || next === undefined || !run.markers[next]) return;
      event.preventDefault();
      run.markers[index].tabIndex = -1;
      run.markers[next].tabIndex = 0;
      run.markers[next].focus();
    });
    run.strip.addEventListener("focusout", () => {
      hide();
      showMoment(null);
    });
  }

  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".plot")) {
      hide();
      showMoment(null);
    }
  });
  document.documentElement.dataset.ready = "true";
})();
