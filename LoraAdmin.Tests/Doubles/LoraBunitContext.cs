using System.Diagnostics;
using Bunit;
using Bunit.TestDoubles;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Access;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using MudBlazor;
using MudBlazor.Services;
using Xunit;

namespace LoraAdmin.Tests.Doubles;

/// <summary>Pages under test: fake clock, a signed-in person with every permission, MudBlazor without transitions and with its providers.</summary>
public abstract class LoraBunitContext : BunitContext
{
    protected static readonly DateTimeOffset Start = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);

    private ClockStandings? clocks;

    /// <summary>A wait ends when its condition holds; this only bounds one that never does, on two busy cores.</summary>
    static LoraBunitContext() => DefaultWaitTimeout = Eventually.DefaultDeadline;

    protected LoraBunitContext()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        JSInterop.SetupModule(_ => true).Mode = JSRuntimeMode.Loose;
        Services.AddSingleton<TimeProvider>(Clock);
        Services.AddSingleton(Clocks);
        Services.AddSingleton<IIds>(new SeededIds(7));
        Services.AddSingleton(new PortalStatus());
        Services.AddScoped<CurrentPerson>();
        Services.AddSingleton<ISessionStanding>(Session);
        Services.AddLive(new ConfigurationBuilder().Build());
        Services.AddMudServices(options =>
        {
            options.SnackbarConfiguration.ShowTransitionDuration = 0;
            options.SnackbarConfiguration.HideTransitionDuration = 0;
            options.PopoverOptions.CheckForPopoverProvider = false;
        });
        Person = this.AddAuthorization();
        Person.SetAuthorized("ada");
        Person.SetPolicies([.. Permissions.All]);
    }

    protected FakeTimeProvider Clock { get; } = new(Start);

    /// <summary>Nothing is known of another clock, until a test says something else.</summary>
    protected ClockStandings Clocks => clocks ??= KnownClocks.New(Clock);

    protected BunitAuthorizationContext Person { get; }

    /// <summary>Open, until a test says something else.</summary>
    internal StandingOfSession Session { get; } = new();

    /// <summary>Where dialogs appear.</summary>
    protected IRenderedComponent<MudDialogProvider> Dialogs { get; private set; } = null!;

    protected IRenderedComponent<MudSnackbarProvider> Snackbars { get; private set; } = null!;

    protected NavigationManager Address => Services.GetRequiredService<NavigationManager>();

    /// <summary>Renders the page beside MudBlazor's providers.</summary>
    protected IRenderedComponent<T> RenderPage<T>(Action<ComponentParameterCollectionBuilder<T>>? parameters = null)
        where T : IComponent
    {
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
        Render<MudPopoverProvider>();
        Dialogs = Render<MudDialogProvider>();
        Snackbars = Render<MudSnackbarProvider>();
        return Render(parameters ?? (_ => { }));
    }

    protected static AngleSharp.Dom.IElement Button<T>(IRenderedComponent<T> within, string text)
        where T : IComponent
    {
        ArgumentNullException.ThrowIfNull(within);
        return within.FindAll("button").Single(button => button.TextContent.Trim() == text);
    }

    /// <summary>Something changed and enough time has passed for the next read.</summary>
    protected void TellChange()
    {
        Clock.Advance(TimeSpan.FromSeconds(1));
        Services.GetRequiredService<ILiveSignal>().Changed(LiveTopics.Training);
    }

    /// <summary>Yields until the condition holds; for what happens on other threads.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < Eventually.DefaultDeadline, $"The condition did not come true within {Eventually.DefaultDeadline.TotalSeconds:0} seconds.");
            await Task.Yield();
        }
    }
}
