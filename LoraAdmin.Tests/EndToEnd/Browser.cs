using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>
/// One Chromium for the tests of the collection; each test gets a profile of its own. They run one after the other: two cores draw slowly. Tests of other collections run beside them.
/// </summary>
[CollectionDefinition(nameof(Browser))]
public sealed class BrowserCollection : ICollectionFixture<Browser>;

public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] Arguments =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ];

    private IPlaywright? playwright;
    private IBrowser? browser;

    public async ValueTask InitializeAsync()
    {
        string program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, "chromium"))
            .FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("chromium was not found: install it (apt-get install chromium), ./test.sh does.");
        Assertions.SetDefaultExpectTimeout((float)Eventually.DefaultDeadline.TotalMilliseconds);
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = program, Args = Arguments });
    }

    /// <summary>A window with nothing left from others.</summary>
    /// <param name="signedInAs">What <see cref="BrowserWindow.SessionAsync"/> gave; null: nobody has signed in.</param>
    public async Task<BrowserWindow> OpenAsync(string baseUrl, int width = 1280, bool dark = false, string? signedInAs = null)
    {
        IBrowserContext context = await browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = baseUrl,
            AcceptDownloads = true,
            ViewportSize = new ViewportSize { Width = width, Height = width < 600 ? 844 : 900 },
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            ReducedMotion = ReducedMotion.Reduce,
            StorageState = signedInAs,
        });
        return new BrowserWindow(context, await context.NewPageAsync());
    }

    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
        {
            await browser.DisposeAsync();
        }

        playwright?.Dispose();
    }
}

/// <summary>One page in a profile of its own, and everything that its console complained about.</summary>
public sealed class BrowserWindow : IAsyncDisposable
{
    private readonly IBrowserContext context;
    private readonly List<string> complaints = [];

    public BrowserWindow(IBrowserContext context, IPage page)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(page);
        this.context = context;
        Page = page;
        page.SetDefaultTimeout((float)Eventually.DefaultDeadline.TotalMilliseconds);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                Complain($"{message.Type}: {message.Text} ({message.Location})");
            }
        };
        page.PageError += (_, error) => Complain($"uncaught: {error}");
        page.WebSocket += (_, socket) => Sockets.Add(socket);
    }

    public IPage Page { get; }

    /// <summary>Every socket that the page has opened: one for as long as it was neither loaded again nor cut off.</summary>
    public List<IWebSocket> Sockets { get; } = [];

    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (complaints)
            {
                return [.. complaints];
            }
        }
    }

    /// <summary>Signs in as a person does: opens the printed link and presses the button.</summary>
    public async Task SignInAsync(BrowserPortal portal)
    {
        ArgumentNullException.ThrowIfNull(portal);
        await Page.GotoAsync(portal.SignInUrl!);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Page.WaitForURLAsync($"{portal.BaseUrl}/");
    }

    /// <summary>The session, for a second window of the same person.</summary>
    public Task<string> SessionAsync() => context.StorageStateAsync();

    /// <summary>Opens an address and waits until the page answers to clicks.</summary>
    public async Task GoToAsync(string path)
    {
        await Page.GotoAsync(path);
        await InteractiveAsync();
    }

    /// <summary>The frame asks the browser for its colours as the first thing once its circuit works, and marks itself.</summary>
    public Task InteractiveAsync() => Assertions.Expect(Page.Locator("html[data-interactive]")).ToBeAttachedAsync();

    /// <summary>Fails when anything was written to the console as a warning or an error, or a script broke.</summary>
    public void AssertQuiet() => Assert.True(Complaints.Count == 0, string.Join('\n', Complaints));

    public async ValueTask DisposeAsync() => await context.DisposeAsync();

    private void Complain(string words)
    {
        lock (complaints)
        {
            complaints.Add(words);
        }
    }
}
