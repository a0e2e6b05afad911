// Shows what was found out: the verdict, the checks in order, what the campaign would do, the clocks.
// Everything that came from a token or a server becomes text, never markup.
"use strict";

(() => {
  const GROUPS = [
    ["Envelope", ["shape", "header", "header_members", "encryption", "decryption", "content"]],
    ["Signature", ["algorithm", "key", "signature"]],
    ["Claims", ["claims", "campaign"]],
    ["Campaign", ["single_use", "participation", "prefill"]],
  ];
  const TITLES = {
    shape: "Shape", header: "Header", header_members: "Header members", encryption: "Encryption",
    decryption: "Decryption", content: "Content", algorithm: "Algorithm", key: "Key", signature: "Signature",
    claims: "Strict JSON", campaign: "This campaign", single_use: "Single use", participation: "Participation",
    prefill: "Prefill",
  };
  const STATES = { true: ["passed", "Passed"], false: ["failed", "Failed"], null: ["open", "Not judged"] };
  const VERDICTS = {
    accepted: ["passed", "Accepted"], rejected: ["failed", "Rejected"], pending: ["open", "Waiting for a key"],
  };

  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };

  // Text in which `words` in backticks are code.
  const rich = (text) => text.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));

  const guide = (docs) => {
    const [, reason] = docs.split("#");
    return el("a", { href: `/inspect/reasons#${reason}`, target: "_blank", rel: "noopener noreferrer" }, docs);
  };

  const pairs = (entries) => {
    const list = el("dl");
    for (const [name, ...values] of entries) list.append(el("dt", {}, name), el("dd", {}, ...values));
    return list;
  };

  const groupOf = (name) => {
    const plain = name.startsWith("claims.") ? "claims" : name;
    return (GROUPS.find(([, names]) => names.includes(plain)) || ["Campaign"])[0];
  };

  const checkItem = (check) => {
    const [state, words] = STATES[String(check.passed)];
    const title = check.name.startsWith("claims.")
      ? el("code", { class: "title" }, check.name.slice("claims.".length))
      : el("span", { class: "title" }, TITLES[check.name] || check.name);
    const nothing = check.passed === null ? words.toLowerCase() : "—";
    const got = el("span", { class: "got" }, check.got === null ? nothing : check.got);
    const entries = [["Expected", check.expected], ["Got", check.got === null ? "nothing" : el("code", {}, check.got)]];
    if (check.reason) entries.push(["Reason", el("code", {}, check.reason), " ", guide(check.docs)]);
    if (check.hint) entries.push(["Hint", ...rich(check.hint)]);
    const details = el(
      "details",
      check.reason ? { open: "" } : {},
      el("summary", {}, el("span", { class: "dot", role: "img", "aria-label": words }), title, got),
      pairs(entries),
    );
    return el("li", { class: state, "data-check": check.name }, details);
  };

  const checkList = (checks) => {
    const parts = [];
    for (const [group] of GROUPS) {
      const items = checks.filter((check) => groupOf(check.name) === group).map(checkItem);
      if (items.length) parts.push(el("h3", {}, group), el("ol", { class: "checks" }, ...items));
    }
    return parts;
  };

  const span = (seconds) => {
    const size = Math.abs(seconds);
    const [unit, name] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([each]) => size >= each) || [1, "s"];
    const shown = `${(size / unit).toFixed(unit === 1 ? 1 : 0)} ${name}`;
    return seconds < 0 ? `${shown} ago` : `in ${shown}`;
  };

  const clocks = (found) => {
    const ours = new Date(found.now).getTime();
    const rows = [["Our clock", found.now], ["This device", `${((Date.now() - ours) / 1000).toFixed(1)} s from ours`]];
    for (const name of ["iat", "nbf", "exp"]) {
      const moment = found[name];
      const value = moment ? [`${moment.at} `, el("b", {}, span(moment.seconds_from_now))] : ["—"];
      rows.push([el("code", {}, name), ...value]);
    }
    rows.push(["Leeway", `${found.leeway_seconds} s`]);
    return el("section", {}, el("h3", {}, "Clocks compared"), pairs(rows));
  };

  const listed = (names) => (names.length ? names.join(", ") : "—");

  const participation = (campaign) => {
    const found = campaign.participation;
    if (!found) return "not known yet";
    const left = found.remaining === null || found.remaining === undefined ? "" : `, ${found.remaining} left`;
    const why = found.reason ? ` (${found.reason})` : "";
    if (campaign.anonymous) return `allowed as anyone, with an empty form${why}`;
    return `${found.allowed ? "allowed" : "refused"}${left}${why}${found.enforced === false ? ", not enforced" : ""}`;
  };

  const mapping = (found) =>
    Object.entries(found).flatMap(([member, expressions]) =>
      typeof expressions === "string"
        ? [[`${member}.*`, expressions]]
        : Object.entries(expressions).map(([name, expression]) => [`${member}.${name}`, el("code", {}, expression)]),
    );

  const consequence = (campaign) => {
    const prefill = campaign.prefill;
    const rows = [["Mode", campaign.mode], ["Participation", participation(campaign)]];
    if (campaign.screen) rows.push(["Screen", el("b", {}, campaign.screen.title), ` ${campaign.screen.message}`]);
    if (prefill) {
      const source = prefill.source ? ` from the ${prefill.source}` : "";
      rows.push(["Prefill", `${prefill.status}${source}${prefill.reason ? ` (${prefill.reason})` : ""}`]);
      rows.push(["Fills", listed([...prefill.form, ...prefill.optin])]);
      if (prefill.empty_fields.length) rows.push(["Stay empty", listed(prefill.empty_fields)]);
      if (prefill.warnings.length) rows.push(["Left out", listed(prefill.warnings)]);
    }
    const section = el("section", {}, el("h3", {}, "What the campaign would do"), pairs(rows));
    if (prefill && prefill.mapping) section.append(el("h4", {}, "Mapping"), pairs(mapping(prefill.mapping)));
    return section;
  };

  const rehearsal = (found) => {
    const status = `${found.status}${found.reason ? ` (${found.reason}${found.detail ? `, ${found.detail}` : ""})` : ""}`;
    const rows = [["Answer", status], ["Took", `${found.duration_ms} ms`], ["Fills", listed([...found.form, ...found.optin])]];
    if (found.http_status) rows.splice(1, 0, ["HTTP", String(found.http_status)]);
    if (found.missing.length) rows.push(["Found nothing for", listed(found.missing)]);
    if (found.warnings.length) rows.push(["Left out", listed(found.warnings)]);
    return el("section", {}, el("h3", {}, "Dry run of the prefill call"), pairs(rows));
  };

  const show = (found, wantedDryRun) => {
    const [state, words] = VERDICTS[found.verdict.status];
    const title = document.getElementById("findings-title");
    title.className = `verdict ${state}`;
    title.replaceChildren(words, ...(found.verdict.reason ? [" ", el("code", {}, found.verdict.reason)] : []));
    document.getElementById("checks").replaceChildren(...checkList(found.checks));
    const aside = [consequence(found.campaign), clocks(found.clocks)];
    if (found.dry_run) aside.splice(1, 0, rehearsal(found.dry_run));
    else if (wantedDryRun) aside.splice(1, 0, el("p", { class: "note" }, "No call was made: a session would make none."));
    document.getElementById("consequences").replaceChildren(...aside);
    const findings = document.getElementById("findings");
    findings.hidden = false;
    findings.focus({ preventScroll: true });
    findings.scrollIntoView({ behavior: "smooth", block: "start" });
  };

  Object.assign(window.inspector, { el, show });
})();
