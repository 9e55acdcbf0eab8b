using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Components.Forms;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class NewJobDialogPageTests : LoraBunitContext
{
    private readonly PageDesk desk = new();
    private readonly PageStaging staging = new();
    private IDialogReference dialog = null!;

    public NewJobDialogPageTests()
    {
        Services.AddSingleton<ITrainingDesk>(desk);
        Services.AddSingleton<IImageStaging>(staging);
        Services.AddSingleton(PageSamples.Rules with { MaxImages = 3, MaxImageBytes = 1000 });
    }

    [Fact]
    public async Task Submit_GoodEntries_SendsEveryFileAndTheRequest()
    {
        await OpenAsync();
        Fill();
        Choose(File("a.jpg", 10), File("b.png", 20, "image/png"));
        Choose(File("c.webp", 30, "image/webp"));
        Submit();

        Dialogs.WaitForAssertion(() => Assert.Single(desk.Submitted));
        (TrainingRequest request, Actor actor) = desk.Submitted[0];
        Assert.Equal(["a.jpg", "b.png", "c.webp"], staging.Files.Select(file => file.Name));
        Assert.Equal([10, 20, 30], staging.Files.Select(file => file.Content.Length));
        Assert.Equal((PageSamples.User, "Aria", "ada@example.org", PageStaging.Upload), (request.UserId, request.Name, request.CreatorEmail, request.Upload));
        Assert.Null(request.GpuType);
        Assert.Equal("ada", actor.Name);
        Assert.Empty(staging.Discarded);
        DialogResult? result = await dialog.Result;
        Assert.IsType<JobId>(result!.Data);
    }

    [Fact]
    public async Task Submit_AgainAfterALostAnswer_IsTheSameRequestUnderTheSameKey()
    {
        await OpenAsync();
        Fill();
        Choose(File("a.jpg", 10));
        desk.Loses = new StoreUnavailableException("The answer got lost.");
        Submit();
        Dialogs.WaitForAssertion(() => Assert.Contains("Nothing was submitted", Dialogs.Markup, StringComparison.Ordinal));
        desk.Submit = new SubmitOutcome.Accepted(new JobId(PageStaging.Upload), new LoraId(Guid.Empty), Replayed: true);
        Submit();

        Dialogs.WaitForAssertion(() => Assert.Equal(2, desk.Submitted.Count));
        Assert.NotNull(desk.Keys[0]);
        Assert.Equal(desk.Keys[0], desk.Keys[1]);
        await dialog.Result;
        Assert.Equal(2, staging.Discarded.Count); // Both uploads: the first job has its own images.
    }

    [Fact]
    public async Task Submit_NothingFilledIn_NamesEveryField()
    {
        await OpenAsync();
        Submit();

        Assert.Contains("This is no user id.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("The name is empty.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("The e-mail address is empty.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("0 images are chosen.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Empty(staging.Files);
    }

    /// <summary>Each of these alone is refused; nobody is to find them out one by one.</summary>
    [Fact]
    public async Task Submit_WrongInEveryField_SaysAllAtOnceAndSendsNothing()
    {
        await OpenAsync();
        Dialogs.Find("#new-user").Input("ada");
        Dialogs.Find("#new-name").Input(new string('x', 300));
        Dialogs.Find("#new-email").Input("nope@");
        Choose(File("notes.txt", 5, "text/plain"));
        Submit();

        Assert.Contains("This is no user id.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("The name is 300 characters long.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("does not look like an e-mail address.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("notes.txt: Not a JPEG, PNG or WebP file.", Dialogs.Find(".field-problem").TextContent, StringComparison.Ordinal);
        Assert.True(int.Parse(Dialogs.Find("#new-name").GetAttribute("maxlength")!, System.Globalization.CultureInfo.InvariantCulture) > TrainingRequestCheck.MaxNameLength);
        Assert.Empty(staging.Files);
        Assert.Empty(desk.Submitted);
    }

    [Fact]
    public async Task Submit_LimitReached_SaysItAtTheUserAndDiscardsTheUpload()
    {
        desk.Submit = new SubmitOutcome.LimitReached(new ChargeResult(ChargeVerdict.LimitReached, 10, 10));
        await SubmitGoodAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("The user has used 10 of 10 LoRAs this month", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Equal([PageStaging.Upload], staging.Discarded);
    }

    [Fact]
    public async Task Submit_BudgetExhausted_SaysHowMuchIsFree()
    {
        desk.Submit = new SubmitOutcome.BudgetExhausted(
            new BudgetMonth(new Month(2026, 11), Usd.FromDollars(200), Usd.FromDollars(190), Usd.FromDollars(9)), Usd.FromDollars(2.85m));
        await SubmitGoodAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("may cost up to $2.85, but only $1.00 of the $200.00", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Submit_Invalid_PutsProblemsAtTheirFields()
    {
        desk.Submit = new SubmitOutcome.Invalid([new("name", "The name is taken.", "Choose another."), new("region", "Unknown.", "Leave it out.")]);
        await SubmitGoodAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("The name is taken. Choose another.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Contains("region: Unknown. Leave it out.", Dialogs.Find("#new-job-problem").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_UploadGone_AsksToSubmitAgain()
    {
        desk.Submit = new SubmitOutcome.UploadGone();
        await SubmitGoodAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("Submit again: they are sent anew", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Submit_KeyReused_PointsToTheList()
    {
        desk.Submit = new SubmitOutcome.KeyReused();
        await SubmitGoodAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("look for the job in the list", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Submit_ServerRejectsAnImage_SaysItAtTheImages()
    {
        staging.Reject = [new("images[0]", "a.jpg is text, not an image.", "Choose a JPEG, PNG or WebP.")];
        await SubmitGoodAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("a.jpg is text, not an image.", Dialogs.Find(".field-problem").TextContent, StringComparison.Ordinal));
        Assert.Empty(desk.Submitted);
    }

    [Fact]
    public async Task Submit_PermissionMissing_SendsNothing()
    {
        await OpenAsync();
        Fill();
        Choose(File("a.jpg", 10));
        Person.SetPolicies(Permissions.ReadTraining);
        Submit();

        Assert.Contains("You may not submit", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Empty(staging.Files);
    }

    [Fact]
    public async Task Choose_MoreThanFit_TakesNoneAndSaysHowMany()
    {
        await OpenAsync();
        Choose(File("a.jpg", 1), File("b.jpg", 1), File("c.jpg", 1), File("d.jpg", 1));

        Assert.Contains("4 files were chosen, but only 3 more fit.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Empty(Dialogs.FindAll(".chosen li"));
    }

    [Fact]
    public async Task Choose_TooLargeOrNoImage_IsMarkedBeforeItIsSent()
    {
        await OpenAsync();
        Choose(File("big.jpg", 1001), File("notes.txt", 5, "text/plain"));

        Assert.Equal(2, Dialogs.FindAll(".chosen li.wrong").Count);
        Assert.Contains("Larger than 1.0 kB.", Dialogs.Markup, StringComparison.Ordinal);
        await Dialogs.FindAll(".remove")[0].ClickAsync();
        Assert.Single(Dialogs.FindAll(".chosen li"));
    }

    [Fact]
    public async Task Close_WithChosenFiles_AsksFirst()
    {
        await OpenAsync();
        Choose(File("a.jpg", 10));
        Press("Close");
        Assert.False(dialog.Result.IsCompleted);

        Press("Discard");
        Assert.True((await dialog.Result)!.Canceled);
    }

    [Fact]
    public async Task Close_WithoutFiles_ClosesAtOnce()
    {
        await OpenAsync();
        Press("Close");
        Assert.True((await dialog.Result)!.Canceled);
    }

    private async Task OpenAsync()
    {
        RenderPage<MudSpacer>();
        await Dialogs.InvokeAsync(async () => dialog = await Services.GetRequiredService<IDialogService>().ShowAsync<NewJobDialog>("New training job"));
        Dialogs.WaitForAssertion(() => Dialogs.Find("#new-submit"));
    }

    private async Task SubmitGoodAsync()
    {
        await OpenAsync();
        Fill();
        Choose(File("a.jpg", 10));
        Submit();
    }

    private void Fill()
    {
        Dialogs.Find("#new-user").Input(PageSamples.User.ToString());
        Dialogs.Find("#new-name").Input("Aria");
        Dialogs.Find("#new-email").Input("ada@example.org");
    }

    private void Choose(params InputFileContent[] files) => Dialogs.FindComponents<InputFile>()[^1].UploadFiles(files);

    private void Submit() => Dialogs.Find("#new-submit").Click();

    private void Press(string text) => Dialogs.FindAll("button").Single(button => button.TextContent.Trim() == text).Click();

    private static InputFileContent File(string name, int size, string type = "image/jpeg") => InputFileContent.CreateFromBinary(new byte[size], name, contentType: type);
}
