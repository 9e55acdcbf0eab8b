using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd.Pages;

/// <summary>The dialog for a new training job.</summary>
public sealed partial class NewJobForm(IPage page)
{
    public ILocator Thumbnails => Dialog.Locator(".chosen li img");

    public ILocator Submit => Dialog.GetByRole(AriaRole.Button, new() { Name = "Submit" });

    private ILocator Area => Dialog.Locator(".drop");

    private ILocator Dialog => page.GetByRole(AriaRole.Dialog);

    public Task FillAsync(Guid user, string name, string email) => DialogFields.FillAsync(
        (Dialog.GetByLabel("User id"), user.ToString()), (Dialog.GetByLabel("Name of the LoRA"), name), (Dialog.GetByLabel("Creator's e-mail"), email));

    /// <summary>
    /// Drags files of this machine from outside the browser onto the dialog's drop area and lets go. DevTools do it: the events that a script makes are
    /// not trusted, and the browser gives no files to a field for them.
    /// </summary>
    public async Task DropAsync(params string[] paths)
    {
        await Area.ScrollIntoViewIfNeededAsync();
        LocatorBoundingBoxResult box = await Area.BoundingBoxAsync() ?? throw new InvalidOperationException("The drop area is not on the page.");
        ICDPSession devTools = await page.Context.NewCDPSessionAsync(page);
        await DragAsync("dragEnter");
        await DragAsync("dragOver");
        await Assertions.Expect(Area).ToHaveClassAsync(Over());
        await DragAsync("drop");
        await Assertions.Expect(Area).Not.ToHaveClassAsync(Over());

        Task DragAsync(string type) => devTools.SendAsync("Input.dispatchDragEvent", new Dictionary<string, object>
        {
            ["type"] = type,
            ["x"] = box.X + (box.Width / 2),
            ["y"] = box.Y + (box.Height / 2),
            ["data"] = new { items = Array.Empty<object>(), files = paths, dragOperationsMask = 1 },
        });
    }

    /// <summary>Waits until the dialog has closed: all is sent.</summary>
    public Task GoneAsync() => Assertions.Expect(Dialog).Not.ToBeAttachedAsync();

    /// <summary>Each choice adds to the ones before.</summary>
    public Task ChooseAsync(params FilePayload[] files) => Dialog.Locator("input.drop-field:not(.used)").SetInputFilesAsync(files);

    [GeneratedRegex(@"\bover\b")]
    private static partial Regex Over();
}
