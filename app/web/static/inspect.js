// The inspector's page: signs in, asks, and switches between its two panes. Nothing is stored anywhere.
"use strict";

(() => {
  const api = window.inspector;
  const byId = (id) => document.getElementById(id);
  const say = (words, isWrong = false) => {
    byId("said").textContent = words;
    byId("said").classList.toggle("wrong", isWrong);
  };

  const showClient = () => {
    const client = api.client();
    byId("credentials").hidden = Boolean(client);
    byId("credentials").disabled = Boolean(client);
    byId("who").hidden = !client;
    byId("who-name").textContent = client || "";
  };

  const offer = (list, ids) => byId(list).replaceChildren(...ids.map((id) => api.el("option", { value: id })));

  const signIn = async () => {
    if (api.client()) return;
    await api.signIn(byId("client-id").value.trim(), byId("client-secret").value);
    byId("client-secret").value = "";
    showClient();
    const [partners, campaigns] = await Promise.all([api.partners(), api.campaigns()]);
    offer("partners", partners);
    offer("campaigns", campaigns);
  };

  const missing = () => [...byId("ask").elements].find((field) => field.required && !field.disabled && !field.value.trim() && !field.closest("[hidden]"));

  const ask = async (event) => {
    event.preventDefault();
    showClient(); // an access token that has ended asks for the credentials again
    const empty = missing();
    if (empty) {
      say(`${empty.labels[0].textContent} is missing.`, true);
      empty.focus();
      return;
    }
    const button = byId("ask").querySelector("[type=submit]");
    const isDryRun = byId("dry-run").checked;
    button.disabled = true;
    say("Inspecting …");
    try {
      await signIn();
      const found = await api.inspect({
        partner_id: byId("partner").value.trim(),
        campaign_id: byId("campaign").value.trim(),
        token: byId("token").value.trim(),
        ...(isDryRun ? { dry_run_prefill: true } : {}),
      });
      api.show(found, isDryRun);
      say("");
    } catch (error) {
      byId("findings").hidden = true;
      say(error instanceof api.Refusal ? error.message : "Something failed in this page.", true);
      showClient();
    } finally {
      button.disabled = false;
    }
  };

  const tabs = [...document.querySelectorAll("[role=tab]")];
  const select = (tab, takesFocus = true) => {
    for (const each of tabs) {
      const isChosen = each === tab;
      each.setAttribute("aria-selected", String(isChosen));
      each.tabIndex = isChosen ? 0 : -1;
      byId(each.getAttribute("aria-controls")).hidden = !isChosen;
    }
    if (takesFocus) tab.focus();
  };
  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      if (tab.id === "tab-mint") {
        byId("mint-partner").value ||= byId("partner").value;
        byId("mint-campaign").value ||= byId("campaign").value;
      }
      select(tab);
    });
    tab.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step) select(tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length]);
    });
  }

  byId("ask").addEventListener("submit", ask);
  byId("sign-out").addEventListener("click", () => {
    api.signOut();
    byId("ask").reset();
    byId("findings").hidden = true;
    showClient();
    byId("client-id").focus();
  });
  byId("inspect-it").addEventListener("click", () => {
    byId("token").value = byId("minted-token").value;
    byId("partner").value ||= byId("mint-partner").value;
    byId("campaign").value ||= byId("mint-campaign").value;
    select(byId("tab-inspect"), false);
    byId("ask").requestSubmit();
  });
  window.addEventListener("pagehide", () => {
    api.signOut();
    byId("ask").reset();
  });
})();
