// Keeps every <time data-relative> true without asking the server. Words as in Relative.cs.
const rough = seconds =>
  seconds >= 86400 ? `${Math.floor(seconds / 86400)} d`
    : seconds >= 3600 ? `${Math.floor(seconds / 3600)} h`
      : seconds >= 60 ? `${Math.floor(seconds / 60)} min`
        : `${Math.floor(seconds)} s`;

const ofMinutes = minutes =>
  minutes < 60 ? `${minutes} min`
    : minutes % 60 === 0 ? `${minutes / 60} h`
      : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;

// What is still to come is not said to be nearer than it is.
const ahead = seconds =>
  seconds >= 84600 ? `${Math.round(seconds / 86400)} d`
    : seconds >= 59.5 ? ofMinutes(Math.round(seconds / 60))
      : `${Math.floor(seconds)} s`;

function words(instant) {
  const age = (Date.now() - instant.getTime()) / 1000;
  if (Math.abs(age) < 2) {
    return "just now";
  }
  return age > 0 ? `${rough(age)} ago` : `in ${ahead(-age)}`;
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
