using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class SpoolPageTests : LoraBunitContext
{
    private readonly Files files = new();

    public SpoolPageTests()
    {
        Services.AddSingleton<ISpoolQueries>(files);
        Services.AddSingleton<ISpoolDesk>(files);
    }

    [Fact]
    public void Nothing_InAnySpool_SaysSo()
    {
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();

        page.WaitForAssertion(() => Assert.Contains("No file waits", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Database_Away_IsNotAnEmptyList()
    {
        files.Away = "The database is away.";
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();

        page.WaitForAssertion(() => Assert.Contains("The database is away.", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("No file waits", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void FailedUpload_ShowsItsErrorAndRunsAndCanBeUploadedNow()
    {
        SpoolEntry entry = Entry(new JobId(new Guid(1, 1, 0, new byte[8]))) with { FailedRuns = 3, LastError = "HTTP 544", DueAt = Start.AddMinutes(40) };
        files.Board = new SpoolBoard([new SpoolLine(entry, Job(entry.Job!.Value), "host-1", Start, IsSilent: false)], []);
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();
        page.WaitForAssertion(() => Assert.Contains("HTTP 544", page.Markup, StringComparison.Ordinal));
        Assert.Contains("3 uploads in a row failed", page.Markup, StringComparison.Ordinal);
        Assert.Contains("attempt 1", page.FindAll("td .sub").Select(one => one.TextContent));
        Assert.Contains("host-1", page.Markup, StringComparison.Ordinal);
        Button(page, "Upload now").Click();

        page.WaitForAssertion(() => Assert.Equal(("disk-1", "a.safetensors"), Assert.Single(files.Uploads)));
    }

    [Fact]
    public void FailedUpload_WithoutThePermission_HasNoButton()
    {
        Person.SetPolicies(Permissions.ReadTraining);
        SpoolEntry entry = Entry(new JobId(new Guid(2, 1, 0, new byte[8])));
        files.Board = new SpoolBoard([new SpoolLine(entry, Job(entry.Job!.Value), "host-1", Start, IsSilent: false)], []);
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();
        page.WaitForAssertion(() => Assert.Contains("a.safetensors", page.Markup, StringComparison.Ordinal));

        Assert.DoesNotContain("Upload now", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Unclaimed_IsDeletedWithAReason()
    {
        files.Board = new SpoolBoard([new SpoolLine(Entry(null), null, "host-1", Start, IsSilent: false)], []);
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();
        page.WaitForAssertion(() => Button(page, "Delete"));
        Button(page, "Delete").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Assert.Contains("A pod that is still kept for the file ends too", Dialogs.Markup, StringComparison.Ordinal);
        Dialogs.Find("#confirm-reason").Input("of a test");
        Button(Dialogs, "Delete").Click();

        Dialogs.WaitForAssertion(() => Assert.Equal("of a test", Assert.Single(files.Discards)));
    }

    [Fact]
    public void FileOfAFailedJob_IsDeletedOnlyWithTheWordTyped()
    {
        SpoolEntry entry = Entry(new JobId(new Guid(7, 1, 0, new byte[8])));
        files.Board = new SpoolBoard([new SpoolLine(entry, Job(entry.Job!.Value), "host-1", Start, IsSilent: false)], []);
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();
        page.WaitForAssertion(() => Button(page, "Delete"));
        Button(page, "Delete").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-word"));
        Assert.Contains("may be the only copy", Dialogs.Markup, StringComparison.Ordinal);
        Dialogs.Find("#confirm-reason").Input("of a test");
        Assert.True(Button(Dialogs, "Delete").HasAttribute("disabled"));
        Dialogs.Find("#confirm-word").Input("DELETE");
        Button(Dialogs, "Delete").Click();

        Dialogs.WaitForAssertion(() => Assert.Equal("of a test", Assert.Single(files.Discards)));
    }

    [Fact]
    public void Unclaimed_IsKeptForAJob()
    {
        files.Board = new SpoolBoard([new SpoolLine(Entry(null), null, "host-1", Start, IsSilent: false)], []);
        JobId job = new(new Guid(3, 1, 0, new byte[8]));
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();
        page.WaitForAssertion(() => Button(page, "Keep for a job"));
        Button(page, "Keep for a job").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#keep-job"));
        Dialogs.Find("#keep-job").Input(job.ToString());
        Button(Dialogs, "Keep").Click();

        Dialogs.WaitForAssertion(() => Assert.Equal(job, Assert.Single(files.Kept)));
    }

    [Fact]
    public void SilentDisk_IsAnnouncedWithItsFiles()
    {
        SpoolEntry entry = Entry(new JobId(new Guid(4, 1, 0, new byte[8])));
        files.Board = new SpoolBoard(
            [new SpoolLine(entry, Job(entry.Job!.Value), "host-9", Start, IsSilent: true)], [new SpoolInstance("i", "disk-1", "host-9", Start.AddHours(-2))]);
        IRenderedComponent<SpoolPage> page = RenderPage<SpoolPage>();

        page.WaitForAssertion(() => Assert.Contains("No portal has had the disk of host-9", page.Find("[role=alert]").TextContent, StringComparison.Ordinal));
    }

    private static SpoolEntry Entry(JobId? job) => new(job, job is null ? 0 : 1, "disk-1", "a.safetensors", 3_000_000, new string('a', 64), Start.AddHours(-1));

    private static TrainingJob Job(JobId id) => new()
    {
        Id = id,
        LoraId = new LoraId(new Guid(5, 1, 0, new byte[8])),
        UserId = new UserId(new Guid(6, 1, 0, new byte[8])),
        Name = "Mara",
        CreatorEmail = "creator-17@example.org",
        State = TrainingState.Failed,
        StateSince = Start,
        CreatedAt = Start,
        UpdatedAt = Start,
        Attempt = 1,
        Admission = 1,
        DueAt = Start,
        Failure = new JobFailure(FailureCode.UploadFailed, "HTTP 544"),
    };

    private sealed class Files : ISpoolQueries, ISpoolDesk
    {
        public SpoolBoard Board { get; set; } = new([], []);

        public string? Away { get; set; }

        public List<(string, string)> Uploads { get; } = [];

        public List<string> Discards { get; } = [];

        public List<JobId> Kept { get; } = [];

        public Task<SpoolBoard> ReadAsync(CancellationToken cancellationToken) =>
            Away is { } why ? throw new StoreUnavailableException(why) : Task.FromResult(Board);

        public Task<SpoolCommandOutcome> UploadNowAsync(string spool, string name, Actor actor, CancellationToken cancellationToken)
        {
            Uploads.Add((spool, name));
            return Task.FromResult(SpoolCommandOutcome.Noted);
        }

        public Task<SpoolCommandOutcome> KeepForAsync(string spool, string name, JobId job, Actor actor, CancellationToken cancellationToken)
        {
            Kept.Add(job);
            return Task.FromResult(SpoolCommandOutcome.Noted);
        }

        public Task<SpoolCommandOutcome> DiscardAsync(string spool, string name, string reason, Actor actor, CancellationToken cancellationToken)
        {
            Discards.Add(reason);
            return Task.FromResult(SpoolCommandOutcome.Noted);
        }
    }
}
