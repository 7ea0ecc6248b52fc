// Explore: search, filters and sorting over all entries. The page works without it: until something is asked, and
// where the list can't be loaded, what the server sent stays.
"use strict";
(() => {
  const PAGE = 50;
  const NAMES = ["kind", "category", "platform", "verdict", "rung", "sort"];
  const STANDINGS = ["has", "lacks", "lost", "unknown"];
  const WORDS = ["yes", "no", "lost", "unknown"];
  const CLASSES = ["y", "n", "l", "u"];
  const RUNGS = ["", "declared", "published", "verified", "ran"];
  const SIGNS = ["", "¹", "²", "³", "⁴"];

  const form = document.getElementById("explore");
  const count = document.getElementById("count");
  const body = document.querySelector("table.entries tbody");
  const pager = document.querySelector("nav.pager");
  if (!form || !count || !body || !pager) return;
  const query = form.elements.q;
  const shown = document.querySelectorAll("table.entries thead th").length - 1;
  const first = form.elements.platform.value;
  const sent = { rows: [...body.children], pager: [...pager.childNodes], hidden: pager.hidden, count: count.textContent };

  let list = null;
  let loading = null;
  let isTyping = false;

  // Everything that is asked is in the address.
  const read = () => {
    const given = new URLSearchParams(location.search);
    const state = { q: given.get("q") || "", page: Math.max(1, parseInt(given.get("page"), 10) || 1) };
    for (const name of NAMES) {
      const typed = given.get(name) || "";
      // The word that the table has.
      const value = name === "verdict" && typed === "yes" ? "has" : typed;
      const options = [...form.elements[name].options];
      state[name] = options.some((option) => option.value === value) ? value : "";
    }
    return state;
  };

  const address = (state, page) => {
    const asked = new URLSearchParams();
    if (state.q) asked.set("q", state.q);
    for (const name of NAMES) {
      if (state[name] && !(name === "platform" && state[name] === first)) asked.set(name, state[name]);
    }
    if (page > 1) asked.set("page", page);
    const text = asked.toString();
    return new URL(form.action).pathname + (text ? "?" + text : "");
  };

  const isAsked = (state) => state.q.trim() !== "" || NAMES.some((name) => state[name] && !(name === "platform" && state[name] === first));

  const fill = (state) => {
    if (query.value !== state.q) query.value = state.q;
    for (const name of NAMES) form.elements[name].value = state[name] || (name === "platform" ? first : "");
  };

  const load = () => {
    if (!loading) {
      loading = fetch(form.dataset.index)
        .then((answer) => {
          if (!answer.ok) throw new Error(answer.status);
          return answer.json();
        })
        .then((index) => {
          list = prepared(index);
        })
        .catch((error) => {
          loading = null;
          throw error;
        });
    }
    return loading;
  };

  const prepared = (index) => {
    const entries = index.entries.map((row, at) => {
      const [slug, name, description, aliases, kind, categories, logo, marks, since, changed] = row;
      const why = marks[0] === "!" ? marks.slice(1) : "";
      const entry = { at, slug, name: name || slug, description, kind, categories, logo, why, changed, marks: [], since: [] };
      const days = since.match(/=|.../g) || [];
      let day = 0;
      for (const letter of why ? "" : marks) {
        const code = letter.charCodeAt(0) - 97;
        const standing = Math.floor(code / 5);
        entry.marks.push({ standing, rung: standing === 3 ? 0 : code % 5 });
        const next = standing === 0 ? days.shift() : null;
        if (next && next !== "=") day = parseInt(next, 36);
        entry.since.push(standing === 0 ? day : null);
      }
      entry.names = (entry.name + " " + slug).toLowerCase();
      entry.aliases = aliases.toLowerCase();
      entry.text = entry.names + " " + entry.aliases + " " + description.toLowerCase();
      return entry;
    });
    return { ...index, entries };
  };

  // How well an entry fits what was typed: the lower, the better; none where a word is missing.
  const rank = (entry, words, whole) => {
    if (!words.every((word) => entry.text.includes(word))) return -1;
    if (entry.name.toLowerCase() === whole || entry.slug === whole) return 0;
    if (entry.names.startsWith(whole)) return 1;
    if (entry.names.includes(whole)) return 2;
    if (entry.aliases.includes(words[0])) return 3;
    return 4;
  };

  const found = (state) => {
    const whole = state.q.trim().toLowerCase();
    const words = whole.split(/\s+/).filter(Boolean);
    const kind = state.kind ? list.kinds.indexOf(state.kind) : -1;
    const category = state.category ? list.categories.indexOf(state.category) : -1;
    const column = columnOf(state);
    const standing = STANDINGS.indexOf(state.verdict);
    const rung = state.rung ? RUNGS.indexOf(state.rung) : -1;
    const hits = [];
    for (const entry of list.entries) {
      if (kind >= 0 && entry.kind !== kind) continue;
      if (category >= 0 && !entry.categories.includes(category)) continue;
      // Where there is nothing to tell, that is not known.
      const mark = entry.marks[column] || { standing: STANDINGS.indexOf("unknown"), rung: 0 };
      if (standing >= 0 && mark.standing !== standing) continue;
      if (rung >= 0 && mark.rung !== rung) continue;
      const place = words.length ? rank(entry, words, whole) : 0;
      if (place >= 0) hits.push([place, entry]);
    }
    const late = (entry) => entry.since[column] ?? Infinity;
    const order = {
      age: (a, b) => (late(a[1]) === late(b[1]) ? 0 : late(a[1]) - late(b[1])),
      change: (a, b) => b[1].changed - a[1].changed,
    }[state.sort] || ((a, b) => a[0] - b[0]);
    return hits.sort((a, b) => order(a, b) || a[1].at - b[1].at).map((hit) => hit[1]);
  };

  const columnOf = (state) => Math.max(0, list.columns.findIndex((column) => column[0] === (state.platform || first)));

  const element = (name, given = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const row = (entry, column) => {
    const picture = entry.logo
      ? element("img", { src: list.logo.replace("SLUG", () => entry.logo), alt: "", width: 28, height: 28, loading: "lazy" })
      : element("i", { class: "g" + tint(entry.slug), "aria-hidden": "true" }, letters(entry.name));
    const head = element("th", { scope: "row" }, picture, element("a", { href: list.entry.replace("SLUG", () => entry.slug) }, entry.name));
    if (entry.description) head.append(element("p", {}, entry.description));
    const made = element("tr", {}, head);
    if (entry.why) made.append(element("td", { class: "instead", colspan: shown }, entry.why));
    entry.marks.slice(0, shown).forEach((mark, at) => {
      const chosen = at === column ? " chosen" : "";
      made.append(element("td", { class: "m " + CLASSES[mark.standing] + chosen }, WORDS[mark.standing] + SIGNS[mark.rung]));
    });
    return made;
  };

  // The same as the server's.
  const tint = (slug) => {
    let sum = 0;
    for (const byte of new TextEncoder().encode(slug)) sum = (Math.imul(sum, 31) + byte) >>> 0;
    return sum % 6;
  };
  const letters = (name) => [...name.split("/").pop()].filter((letter) => /[\p{L}\p{N}]/u.test(letter)).slice(0, 2).join("");

  const pages = (state, page, last) => {
    const links = [];
    const link = (to, text, given = {}) => links.push(element("a", { href: address(state, to), "data-page": to, ...given }, text));
    if (page > 1) link(page - 1, "← Previous", { rel: "prev" });
    let before = 0;
    for (let one = 1; one <= last; one++) {
      if (one !== 1 && one !== last && Math.abs(one - page) > 2) continue;
      if (one > before + 1) links.push(element("span", {}, "…"));
      link(one, String(one), one === page ? { "aria-current": "page" } : {});
      before = one;
    }
    if (page < last) link(page + 1, "Next →", { rel: "next" });
    return links;
  };

  const show = async (state) => {
    if (!isAsked(state) && state.page === 1) {
      body.replaceChildren(...sent.rows);
      pager.replaceChildren(...sent.pager);
      pager.hidden = sent.hidden;
      count.textContent = sent.count;
      return;
    }
    try {
      await load();
    } catch {
      count.textContent = "The list could not be loaded. What is below is the first part of it.";
      return;
    }
    // What was typed meanwhile comes first.
    if (address(state, state.page) !== address(read(), read().page)) return;
    const column = columnOf(state);
    // A no is one of either kind: never had, or lost.
    const isNo = (entry) => ["lacks", "lost"].includes(STANDINGS[entry.marks[column]?.standing]);
    const hits = found(state).filter((entry) => state.verdict !== "no" || isNo(entry));
    const last = Math.max(1, Math.ceil(hits.length / PAGE));
    const page = Math.min(state.page, last);
    body.replaceChildren(...hits.slice((page - 1) * PAGE, page * PAGE).map((entry) => row(entry, column)));
    pager.hidden = last === 1;
    pager.replaceChildren(...pages(state, page, last));
    const from = (page - 1) * PAGE + 1;
    const part = last > 1 ? from + " to " + Math.min(page * PAGE, hits.length) + " of " : "";
    count.textContent = hits.length
      ? part + hits.length + (hits.length === 1 ? " entry fits" : " entries fit")
      : "No entry fits. Fewer words or filters find more.";
  };

  const asked = () => {
    const state = { q: query.value, page: 1 };
    for (const name of NAMES) state[name] = form.elements[name].value;
    return state;
  };

  // Typing is one step back, not one for each letter.
  const go = (state, isNew) => {
    const to = address(state, state.page);
    if (to === location.pathname + location.search) return;
    history[isNew ? "pushState" : "replaceState"](null, "", to);
    show(read());
  };

  query.addEventListener("input", () => {
    go(asked(), !isTyping);
    isTyping = true;
  });
  query.addEventListener("blur", () => {
    isTyping = false;
  });
  query.addEventListener("focus", () => load().catch(() => {}));
  form.addEventListener("change", (event) => {
    if (event.target !== query) go(asked(), true);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    isTyping = false;
    go(asked(), true);
  });
  pager.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-page]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ ...read(), page: Number(link.dataset.page) }, true);
    count.scrollIntoView({ block: "start" });
  });
  addEventListener("popstate", () => {
    isTyping = false;
    fill(read());
    show(read());
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "")) return;
    event.preventDefault();
    query.focus();
    query.select();
  });

  // A browser may put back what was chosen before: the address counts.
  fill(read());
  if (isAsked(read()) || read().page > 1) show(read());
})();
