// The live feed and the charts. Everything else is HTML that htmx swaps; without scripts the pages work, too.
"use strict";

(() => {
  const LONGEST = 60;

  function follow(list) {
    const state = document.getElementById("live-state");
    let place = list.dataset.place;
    let source = null;
    let pause = 500;

    const show = (text, tone) => {
      state.textContent = text;
      state.className = `badge ${tone}`;
    };

    const add = (html) => {
      const line = new DOMParser().parseFromString(html, "text/html").querySelector("li");
      // What was on the page when the feed began, or came before a break, is there already.
      if (!line || list.querySelector(`[data-line="${CSS.escape(line.dataset.line)}"]`)) return;
      line.classList.add("new");
      list.prepend(line);
      while (list.children.length > LONGEST) list.lastElementChild.remove();
    };

    const reload = async () => {
      const answer = await fetch(list.dataset.lines);
      if (!answer.ok) return;
      const lines = new DOMParser().parseFromString(`<ul>${await answer.text()}</ul>`, "text/html").querySelectorAll("li");
      for (const line of [...lines].reverse()) add(line.outerHTML);
    };

    const open = () => {
      source = new EventSource(`${list.dataset.feed}?after=${encodeURIComponent(place)}`);
      source.onopen = () => { show("live", "good"); pause = 500; };
      source.onmessage = (event) => { place = event.lastEventId; add(event.data); };
      source.addEventListener("gap", (event) => { place = event.lastEventId; reload(); });
      source.onerror = () => {
        show("reconnecting", "warn");
        // A browser tries again by itself after a break, but not after an answer that was no stream.
        if (source.readyState !== EventSource.CLOSED) return;
        setTimeout(open, pause);
        pause = Math.min(pause * 2, 4000);
      };
    };

    open();
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  }

  function draw(box) {
    const { names, columns } = JSON.parse(box.dataset.chart);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const tones = ["--good", "--warn", "--calm"];
    const series = names.map((label, at) => ({
      label,
      stroke: colour(tones[at]),
      fill: `${colour(tones[at])}22`,
      width: 2,
      points: { show: false },
    }));
    box.replaceChildren();
    new uPlot({
      width: box.clientWidth,
      height: 220,
      series: [{ label: "From", value: (_, at) => (at === null ? "--" : clock(at)) }, ...series],
      axes: [{ ...axis, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 44 }],
      scales: { y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] } },
      cursor: { y: false },
    }, columns, box);
    box.dataset.ready = "1";
  }

  const drawAll = (root) => {
    for (const box of root.querySelectorAll(".chart[data-chart]")) draw(box);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    const list = document.getElementById("live");
    if (list) follow(list);
    drawAll(document);
  });
  document.addEventListener("htmx:afterSwap", (event) => drawAll(event.target));
  document.addEventListener("htmx:afterRequest", (event) => {
    // What was refused is said at the top; show it to whoever looks elsewhere.
    if (event.detail.xhr && event.detail.xhr.status >= 400) document.getElementById("notice")?.scrollIntoView({ block: "center" });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawAll(document), 150);
  });
})();
