// Shows the connection's state beside the page, never over it: figures stay readable and drafts stay where they are.
const banner = document.getElementById("components-reconnect-modal");

banner.addEventListener("components-reconnect-state-changed", event => {
  const state = event.detail.state;
  if (state === "show") {
    banner.show();
  } else if (state === "hide") {
    banner.close();
  } else if (state === "failed") {
    document.addEventListener("visibilitychange", retryWhenSeen);
  } else if (state === "rejected") {
    location.reload();
  }
});

document.getElementById("components-reconnect-button").addEventListener("click", retry);
document.getElementById("components-resume-button").addEventListener("click", resume);

async function retry() {
  document.removeEventListener("visibilitychange", retryWhenSeen);
  try {
    if (!await Blazor.reconnect() && !await Blazor.resumeCircuit()) {
      location.reload();
    }
  } catch {
    document.addEventListener("visibilitychange", retryWhenSeen);
  }
}

async function resume() {
  try {
    if (!await Blazor.resumeCircuit()) {
      location.reload();
    }
  } catch {
    location.reload();
  }
}

async function retryWhenSeen() {
  if (document.visibilityState === "visible") {
    await retry();
  }
}
