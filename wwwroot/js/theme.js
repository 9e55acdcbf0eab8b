// Runs before the first paint. The choice (light, dark, system) is this browser's; the cookie mirrors what it comes to, for the server's first rendering.
(() => {
  const key = "lora-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => {
    try {
      return localStorage.getItem(key) ?? "system";
    } catch {
      return "system";
    }
  };
  const isDark = () => choice() === "dark" || (choice() === "system" && system.matches);
  const apply = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    document.cookie = `${key}=${isDark() ? "dark" : "light"};path=/;max-age=31536000;samesite=lax`;
  };
  window.loraTheme = {
    choice,
    isDark,
    choose(next) {
      try {
        localStorage.setItem(key, next);
      } catch {
        // A browser without storage still changes its colours until the page is left.
      }
      apply();
      return next === "dark" || (next === "system" && system.matches);
    },
    watch(layout) {
      const tell = () => {
        apply();
        layout.invokeMethodAsync("OnSystemTheme", isDark()).catch(() => {});
      };
      system.addEventListener("change", tell);
    },
  };
  apply();
})();
