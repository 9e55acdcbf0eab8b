// Page keys. Typing in a field, or with a modifier, is never a shortcut.
let layout = null;
let pending = "";
let timer = 0;

const inField = target =>
  target instanceof Element && (target.isContentEditable || target.closest("input, textarea, select, [role=combobox], [role=listbox], [role=menu]") !== null);

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat || inField(event.target)) {
    return;
  }
  if (document.querySelector(".mud-dialog") !== null) {
    return;
  }
  if (event.key === "/") {
    const filter = document.getElementById("page-filter");
    if (filter !== null) {
      event.preventDefault();
      filter.focus();
      filter.select();
    }
    return;
  }
  const keys = pending === "g" ? `g ${event.key}` : event.key;
  clearTimeout(timer);
  pending = "";
  if (event.key === "g" && keys !== "g g") {
    pending = "g";
    timer = setTimeout(() => { pending = ""; }, 1500);
  } else if (["?", "n", "p", "g o", "g t", "g p", "g b", "g f", "g j", "g u", "g m"].includes(keys)) {
    event.preventDefault();
    layout?.invokeMethodAsync("OnShortcut", keys);
  }
}

export function listen(reference) {
  layout = reference;
  document.addEventListener("keydown", onKey);
  // From here on buttons answer: said to scripts that drive the page.
  document.documentElement.dataset.interactive = "";
}

export function signOut() {
  document.getElementById("sign-out").requestSubmit();
}

export function leave() {
  layout = null;
  document.removeEventListener("keydown", onKey);
}
