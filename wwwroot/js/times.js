// Keeps every <time data-relative> true without asking the server. Words as in Relative.cs.
const rough = seconds =>
  seconds >= 86400 ? `${Math.floor(seconds / 86400)} d`
    : seconds >= 3600 ? `${Math.floor(seconds / 3600)} h`
      : seconds >= 60 ? `${Math.floor(seconds / 60)} min`
        : `${Math.floor(seconds)} s`;

// What is still to come is not said to be nearer than it is.
const nearest = seconds =>
  seconds >= 84600 ? Math.round(seconds / 86400) * 86400
    : seconds >= 3570 ? Math.round(seconds / 3600) * 3600
      : seconds >= 59.5 ? Math.round(seconds / 60) * 60
        : seconds;

function words(instant) {
  const age = (Date.now() - instant.getTime()) / 1000;
  if (Math.abs(age) < 2) {
    return "just now";
  }
  return age > 0 ? `${rough(age)} ago` : `in ${rough(nearest(-age))}`;
}

function refresh() {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const instant = new Date(element.dateTime);
    const text = element.firstChild;
    const next = words(instant);
    if (text && text.nodeValue !== next) {
      text.nodeValue = next;
    }
    const title = `${element.dataset.utc}\n${instant.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })}`;
    if (element.title !== title) {
      element.title = title;
    }
  }
}

refresh();
setInterval(() => {
  if (document.visibilityState === "visible") {
    refresh();
  }
}, 1000);
document.addEventListener("visibilitychange", refresh);
