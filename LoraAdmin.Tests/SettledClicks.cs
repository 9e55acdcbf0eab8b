using AngleSharp.Dom;
using Bunit;
using Bunit.Rendering;

namespace LoraAdmin.Tests;

/// <summary>
/// A click whose handler has had its turn when the call returns. bUnit's own only hands it in: while another thread draws, which a live page has done at
/// any time, the handler runs some time later. Found before bUnit's, because this namespace encloses the tests'.
/// </summary>
internal static class SettledClicks
{
    public static void Click(this IElement element)
    {
        ArgumentNullException.ThrowIfNull(element);
        BunitRenderer renderer = element.Owner?.Context.GetService<BunitRenderer>()
            ?? throw new InvalidOperationException("The element belongs to no rendered component.");
        EventHandlerDispatchExtensions.Click(element);
        renderer.Dispatcher.InvokeAsync(static () => { }).GetAwaiter().GetResult();
    }
}
