"use strict";
// Sorting, filtering and choice of columns; without it the page shows everything in order.
(() => {
  const words = /"([^"]*)"|(\S+)/g;
  const comparison = /^([\w]+)\s*(<=|>=|<|>|=)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)$/i;
  const tests = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b,
    ">=": (a, b) => a >= b, "=": (a, b) => a === b,
  };

  const number = (cell) => {
    const value = cell.dataset.v;
    return value === undefined || value === "" ? NaN : Number(value);
  };

  function sortRows(table, index, ascending, numeric) {
    const body = table.tBodies[0];
    const rows = [...body.rows].filter((row) => !row.classList.contains("none"));
    const sign = ascending ? 1 : -1;
    const keyed = rows.map((row, place) => {
      const cell = row.cells[index];
      return { row, place, key: numeric ? number(cell) : cell.textContent.trim() };
    });
    keyed.sort((a, b) => {
      if (numeric) {
        // what is not measured comes last in either direction
        if (Number.isNaN(a.key) || Number.isNaN(b.key)) {
          return Number.isNaN(a.key) - Number.isNaN(b.key) || a.place - b.place;
        }
        return sign * (a.key - b.key) || a.place - b.place;
      }
      return sign * a.key.localeCompare(b.key, "en", { numeric: true }) || a.place - b.place;
    });
    keyed.forEach(({ row }) => body.append(row));
  }

  function makeSortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, index) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const numeric = "numeric" in head.dataset;
        const now = head.getAttribute("aria-sort");
        // numbers are most wanted largest first
        const ascending = now === "none" ? !numeric || "up" in head.dataset : now === "descending";
        heads.forEach((other) => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sortRows(table, index, ascending, numeric);
      });
    });
  }

  function parseQuery(text, keys) {
    const found = [];
    for (const match of text.toLowerCase().replace(/\s*([<>]=?|=)\s*/g, "$1").matchAll(words)) {
      const word = match[1] ?? match[2];
      const parts = comparison.exec(word);
      if (parts && parts[1] in keys) {
        found.push((row) => tests[parts[2]](number(row.cells[keys[parts[1]]]), Number(parts[3])));
      } else {
        const negative = word.length > 1 && word.startsWith("!");
        const wanted = (negative ? word.slice(1) : word).replaceAll("_", " ");
        found.push((row) => row.textContent.toLowerCase().replaceAll("_", " ").includes(wanted) !== negative);
      }
    }
    return found;
  }

  function makeFilter(tools, table) {
    const input = tools.querySelector("input[type=search]");
    const output = tools.querySelector("output");
    const rows = [...table.tBodies[0].rows];
    const none = rows.find((row) => row.classList.contains("none"));
    const sources = rows.filter((row) => row !== none);
    const keys = {};
    [...table.tHead.rows[0].cells].forEach((head, index) => { keys[head.dataset.key] = index; });
    const show = () => {
      const query = parseQuery(input.value, keys);
      let shown = 0;
      for (const row of sources) {
        row.hidden = !query.every((test) => test(row));
        shown += !row.hidden;
      }
      none.hidden = shown > 0;
      output.textContent = shown === sources.length ? `${shown} sources` : `${shown} of ${sources.length} sources`;
    };
    input.addEventListener("input", show);
    show();
  }

  function makeChooser(tools, table) {
    for (const box of tools.querySelectorAll("input[type=checkbox]")) {
      const show = () => {
        const columns = [...table.tHead.rows[0].cells]
          .map((head, index) => (head.dataset.group === box.value ? index : -1))
          .filter((index) => index >= 0);
        for (const row of table.rows) {
          if (row.classList.contains("none")) continue;
          for (const index of columns) row.cells[index].hidden = !box.checked;
        }
      };
      box.addEventListener("change", show);
      if (!box.checked) show();
    }
  }

  for (const table of document.querySelectorAll("table.sources")) {
    makeSortable(table);
    const tools = document.getElementById(`${table.id}-tools`);
    tools.hidden = false;
    makeFilter(tools, table);
    makeChooser(tools, table);
  }

  const closed = () => [...document.querySelectorAll("details:not([open])")];
  let opened = [];
  addEventListener("beforeprint", () => { opened = closed(); opened.forEach((d) => { d.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach((d) => { d.open = false; }); });
})();
