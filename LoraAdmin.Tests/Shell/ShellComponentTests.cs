using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor;
using Xunit;

namespace LoraAdmin.Tests.Shell;

public sealed class ShellComponentTests : LoraBunitContext
{
    [Fact]
    public void Layout_LocalCloud_SaysThatNoRealCloudIsAttached()
    {
        Services.GetRequiredService<PortalStatus>().CloudKind = CloudKind.Local;
        IRenderedComponent<MainLayout> layout = Render<MainLayout>();

        Assert.Contains("No real cloud is attached: LocalCloud plays RunPod and Replicate", layout.Markup, StringComparison.Ordinal);
        Assert.Single(layout.FindAll("main#main"));
    }

    [Fact]
    public void Layout_RealCloud_HasNoBanner()
    {
        Services.GetRequiredService<PortalStatus>().CloudKind = CloudKind.Real;
        IRenderedComponent<MainLayout> layout = Render<MainLayout>();

        Assert.DoesNotContain("LocalCloud", layout.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("g t", "/training")]
    [InlineData("n", "/training?new=1")]
    [InlineData("g p", "/pods")]
    [InlineData("g u", "/gave-up")]
    [InlineData("g o", "/")]
    public async Task Layout_Shortcut_LeadsToItsPage(string keys, string path)
    {
        IRenderedComponent<MainLayout> layout = Render<MainLayout>();
        await layout.InvokeAsync(() => layout.Instance.OnShortcut(keys));

        Assert.Equal(path, new Uri(Address.Uri).PathAndQuery);
    }

    [Fact]
    public async Task Layout_PauseKey_ShowsThatFiguresStandStill()
    {
        IRenderedComponent<MainLayout> layout = Render<MainLayout>();
        await layout.InvokeAsync(() => layout.Instance.OnShortcut("p"));

        layout.WaitForAssertion(() => Assert.Contains("Live updates are paused", layout.Markup, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(SessionStanding.Open, true, 0)]
    [InlineData(SessionStanding.Ended, false, 0)]
    [InlineData(SessionStanding.Unknown, false, 1)]
    public async Task Person_MayOnlyInAnOpenSession_AndIsToldWhenNobodyKnows(SessionStanding standing, bool may, int told)
    {
        Session.Standing = standing;
        CurrentPerson person = Services.GetRequiredService<CurrentPerson>();

        Assert.Equal(may, await person.MayAsync(Permissions.PauseTraining));
        Assert.Equal(may, await person.MayAsync(Permissions.CancelTraining));
        Assert.Equal(told, Services.GetRequiredService<ISnackbar>().ShownSnackbars.Count());
    }

    [Fact]
    public void Page_OfNobody_LeadsToSignInAndBack()
    {
        Address.NavigateTo("/not-a-route");
        Render<ToSignIn>();

        Assert.Equal("/sign-in?returnUrl=%2Fnot-a-route", new Uri(Address.Uri).PathAndQuery);
    }

    [Fact]
    public void Page_WhosePersonSignsOutFromIt_LeavesTheWayToTheSignOut()
    {
        Services.GetRequiredService<CurrentPerson>().IsSigningOut = true;
        string before = Address.Uri;
        Render<ToSignIn>();

        Assert.Equal(before, Address.Uri);
    }

    [Fact]
    public void TimeStamp_Past_SaysRelativeAndUtc()
    {
        IRenderedComponent<TimeStamp> stamp = Render<TimeStamp>(parameters => parameters.Add(time => time.Value, Start.AddMinutes(-5)));

        Assert.Equal("5 min ago", stamp.Find("time").TextContent);
        Assert.Equal("2026-11-24 08:55:00 UTC", stamp.Find("time").GetAttribute("title"));
    }

    [Theory]
    [InlineData(1, "just now")]
    [InlineData(59, "59 s ago")]
    [InlineData(3600, "1 h ago")]
    [InlineData(-80, "in 1 min")]
    [InlineData(-7_199, "in 2 h")]
    [InlineData(-3_599, "in 1 h")]
    [InlineData(-9_240, "in 2 h 34 min")]
    [InlineData(-11_100, "in 3 h 05 min")]
    [InlineData(-84_599, "in 23 h 30 min")]
    [InlineData(-84_600, "in 1 d")]
    [InlineData(200_000, "2 d ago")]
    public void Relative_Instant_SaysFewWords(int secondsAgo, string words) => Assert.Equal(words, Relative.Instant(Start.AddSeconds(-secondsAgo), Start));

    [Fact]
    public void MoneyText_Unknown_IsNoZero()
    {
        Assert.DoesNotContain("$0", Render<MoneyText>(parameters => parameters.Add(money => money.Value, null)).Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Theme_TextColours_HaveEnoughContrastInBothModes()
    {
        foreach (Palette palette in new Palette[] { LoraTheme.Theme.PaletteLight, LoraTheme.Theme.PaletteDark })
        {
            foreach (MudBlazor.Utilities.MudColor text in new[] { palette.TextPrimary, palette.TextSecondary, palette.Primary, palette.Error, palette.Success, palette.Warning, palette.TextDisabled })
            {
                Assert.True(Contrast(text, palette.Surface) >= 4.5, $"{text} on {palette.Surface}: {Contrast(text, palette.Surface):0.00}");
                Assert.True(Contrast(text, palette.Background) >= 4.2, $"{text} on {palette.Background}: {Contrast(text, palette.Background):0.00}");
            }

            Assert.True(Contrast(palette.PrimaryContrastText, palette.Primary) >= 4.5);
        }
    }

    [Fact]
    public void AddLive_BrokenConnectionString_NamesTheKeyAndNotTheText()
    {
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Redis", "localhost,nonsense=hunter2")]).Build();

        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => new ServiceCollection().AddLive(configuration));
        Assert.StartsWith("ConnectionStrings:Redis", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", failure.Message, StringComparison.Ordinal);
    }

    private static double Contrast(MudBlazor.Utilities.MudColor a, MudBlazor.Utilities.MudColor b)
    {
        double first = Luminance(a);
        double second = Luminance(b);
        return (Math.Max(first, second) + 0.05) / (Math.Min(first, second) + 0.05);
    }

    private static double Luminance(MudBlazor.Utilities.MudColor color) => (0.2126 * Linear(color.R)) + (0.7152 * Linear(color.G)) + (0.0722 * Linear(color.B));

    private static double Linear(byte part) => part / 255.0 is var value && value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
}
