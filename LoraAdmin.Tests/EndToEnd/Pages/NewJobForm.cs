using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd.Pages;

/// <summary>The dialog for a new training job.</summary>
public sealed class NewJobForm(IPage page)
{
    public ILocator Thumbnails => Dialog.Locator(".chosen li img");

    public ILocator Submit => Dialog.GetByRole(AriaRole.Button, new() { Name = "Submit" });

    private ILocator Dialog => page.GetByRole(AriaRole.Dialog);

    public async Task FillAsync(Guid user, string name, string email)
    {
        await Dialog.GetByLabel("User id").FillAsync(user.ToString());
        await Dialog.GetByLabel("Name of the LoRA").FillAsync(name);
        await Dialog.GetByLabel("Creator's e-mail").FillAsync(email);
    }

    /// <summary>Each choice adds to the ones before.</summary>
    public Task ChooseAsync(params FilePayload[] files) => Dialog.Locator("input.drop-field:not(.used)").SetInputFilesAsync(files);
}
