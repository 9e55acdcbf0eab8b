using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class JobDetailsPageTests : LoraBunitContext
{
    private readonly PageQueries queries;
    private readonly PageDesk desk = new();
    private readonly PageLinks links;

    public JobDetailsPageTests()
    {
        queries = new PageQueries(Clock);
        links = new PageLinks(Clock);
        Services.AddSingleton<ITrainingQueries>(queries);
        Services.AddSingleton<ITrainingDesk>(desk);
        Services.AddSingleton<ILinkSigner>(links);
        Services.AddSingleton(PageSamples.Rules);
    }

    [Fact]
    public void Job_Training_ShowsStepLossHeartbeatAndCost()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Training, Start));

        Assert.Contains("612 of 1,200", page.Markup, StringComparison.Ordinal);
        Assert.Contains("0.0871", page.Markup, StringComparison.Ordinal);
        Assert.Contains("4 s ago", page.Markup, StringComparison.Ordinal);
        Assert.Contains("Cost so far", page.Markup, StringComparison.Ordinal);
        Assert.Equal("612", page.Find("[role=progressbar]").GetAttribute("aria-valuenow"));
    }

    [Theory]
    [Trait("Requirement", "E1")]
    [InlineData(TrainingState.Provisioning, "runpod", "Asks RunPod for a pod")]
    [InlineData(TrainingState.Provisioning, "replicate", "Asks Replicate for a training")]
    [InlineData(TrainingState.Training, "runpod", "Trains on the pod")]
    [InlineData(TrainingState.Training, "replicate", "Trains at Replicate")]
    public void Job_AtEitherProvider_SaysWhereItIs(TrainingState state, string provider, string words)
    {
        JobDetail detail = PageSamples.Job(4, state, Start);
        IRenderedComponent<JobDetailsPage> page = Show(detail with { Job = detail.Job with { Provider = provider, WaitReason = null } });

        Assert.Equal(words, page.Find("p.what").TextContent);
    }

    /// <summary>Each wait there begins its creation anew, and one that a person made does not count as its own.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Job_ThatWaitsAtReplicate_IsInItsStateSinceItsAttemptBegan(bool counts)
    {
        JobDetail detail = PageSamples.Job(4, TrainingState.Provisioning, Start);
        TrainingJob waiting = detail.Job with { Attempt = 2, Provider = "replicate", WaitingSince = counts ? Start.AddMinutes(-6) : null, StateSince = Start.AddSeconds(-8) };
        TrainingAttempt there = new(waiting.Id, 2, "replicate", AttemptState.Active, Start.AddMinutes(-7), null, null, null);

        Assert.Equal("since 7 min ago", Show(detail with { Job = waiting, Attempts = [there] }).Find(".page-head > .muted").TextContent);
    }

    /// <summary>It came back from RunPod with the wait that had begun at its first time there.</summary>
    [Fact]
    public void Job_ThatCameToReplicateTwice_IsInItsStateSinceTheSecondTime()
    {
        JobDetail detail = PageSamples.Job(4, TrainingState.Provisioning, Start);
        TrainingJob waiting = detail.Job with { Attempt = 4, Provider = "replicate", WaitingSince = Start.AddMinutes(-40), StateSince = Start.AddSeconds(-8) };
        TrainingAttempt[] attempts =
        [
            new(waiting.Id, 2, "replicate", AttemptState.Failed, Start.AddMinutes(-41), Start.AddMinutes(-20), FailureCode.NoProvider, null),
            new(waiting.Id, 3, "runpod", AttemptState.Failed, Start.AddMinutes(-20), Start.AddMinutes(-5), FailureCode.NoProvider, null),
            new(waiting.Id, 4, "replicate", AttemptState.Active, Start.AddMinutes(-5), null, null, null),
        ];

        Assert.Equal("since 5 min ago", Show(detail with { Job = waiting, Attempts = attempts }).Find(".page-head > .muted").TextContent);
    }

    [Theory]
    [InlineData(FailureCode.InvalidTrainingImages)]
    [InlineData(FailureCode.NoProvider)]
    [InlineData(FailureCode.TrainingTimeout)]
    [InlineData(FailureCode.TrainingFailed)]
    [InlineData(FailureCode.ArtifactCorrupt)]
    [InlineData(FailureCode.PodLost)]
    [InlineData(FailureCode.UploadFailed)]
    [InlineData(FailureCode.QualityValidationFailed)]
    [InlineData(FailureCode.BudgetExhausted)]
    public void Job_Failed_SaysTheTablesMessageLetterByLetter(FailureCode failure)
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Failed, Start, failure: failure));

        Assert.Equal(FailureTable.For(failure).Message, page.Find("#failure-head").TextContent);
        Assert.Contains("What to do", page.Markup, StringComparison.Ordinal);
        Assert.Equal(failure == FailureCode.InvalidTrainingImages, Button(page, "Retry").HasAttribute("disabled"));
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Job_AnyState_HasItsWordAndOneHeading(TrainingState state)
    {
        FailureCode? failure = state == TrainingState.Failed ? FailureCode.PodLost : null;
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, state, Start, failure: failure));

        Assert.Single(page.FindAll("h1"));
        Assert.Contains(state.ToWord(), page.Find(".page-head .chip").TextContent, StringComparison.Ordinal);
    }

    public static TheoryData<TrainingState> States => [.. Enum.GetValues<TrainingState>()];

    [Fact]
    public void Job_Unknown_SaysSoAndOffersTheList()
    {
        IRenderedComponent<JobDetailsPage> page = RenderPage<JobDetailsPage>(parameters => parameters.Add(job => job.Id, Guid.Empty));

        page.WaitForAssertion(() => Assert.Contains("There is no such job", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Job_DatabaseAway_IsNotNotFound()
    {
        queries.Away = "The database did not answer.";
        IRenderedComponent<JobDetailsPage> page = RenderPage<JobDetailsPage>(parameters => parameters.Add(job => job.Id, Guid.Empty));

        page.WaitForAssertion(() => Assert.Contains("Could not read this job", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("There is no such job", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Job_Advances_PageFollows()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Training, Start));

        queries.Replace(PageSamples.Job(4, TrainingState.Completed, Start));
        TellChange();

        page.WaitForAssertion(() => Assert.Contains("completed", page.Find(".page-head .chip").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Cancel_WithReason_ReachesTheDeskAsThePerson()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Training, Start));
        OpenCancel(page);
        Assert.True(Button(Dialogs, "Cancel the job").HasAttribute("disabled"));

        Dialogs.Find("#confirm-reason").Input("wrong images");
        Button(Dialogs, "Cancel the job").Click();

        (JobId job, string reason, Actor actor) = Assert.Single(desk.Cancelled);
        Assert.Equal((PageSamples.IdOf(4), "wrong images", new Actor(ActorKind.Person, "ada")), (job, reason, actor));
        Assert.Contains("Noted", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancel_TooLate_SaysWhatTheJobDoesByNow()
    {
        desk.Cancel = new CancelOutcome.TooLate(TrainingState.Uploading);
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Training, Start));
        OpenCancel(page);
        Dialogs.Find("#confirm-reason").Input("wrong images");
        Button(Dialogs, "Cancel the job").Click();

        Assert.Contains("Too late: the job is uploading by now", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancel_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Training, Start));
        OpenCancel(page);
        Person.SetPolicies(Permissions.ReadTraining);
        Dialogs.Find("#confirm-reason").Input("wrong images");
        Button(Dialogs, "Cancel the job").Click();

        Assert.Empty(desk.Cancelled);
        Assert.Contains("You may not cancel", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancel_AfterTraining_IsDisabledWithTheReason()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Uploading, Start));

        Assert.True(Button(page, "Cancel job").HasAttribute("disabled"));
        Assert.Contains("Training has ended", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Actions_WithoutPermission_AreNotThere()
    {
        Person.SetPolicies(Permissions.ReadTraining);
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Training, Start));

        Assert.DoesNotContain("Cancel job", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Retry_Accepted_SaysFromWhere()
    {
        desk.Retry = new RetryOutcome.Accepted(TrainingState.Uploading);
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Failed, Start, failure: FailureCode.UploadFailed));
        Button(page, "Retry").Click();
        Dialogs.WaitForAssertion(() => Button(Dialogs, "Retry"));
        Button(Dialogs, "Retry").Click();

        Assert.Single(desk.Retried);
        Assert.Contains("goes on from uploading", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "S3")]
    public void File_Download_SignsALinkOnlyOnClickAndSaysHowLongItWorks()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Completed, Start));
        Assert.DoesNotContain(links.Made, link => link.Bucket == Buckets.Models);
        Assert.Contains("works for 20 min", page.Markup, StringComparison.Ordinal);

        Button(page, "Download").Click();

        ObjectRef target = Assert.Single(links.Made, link => link.Bucket == Buckets.Models);
        Assert.EndsWith("model.safetensors", target.Key, StringComparison.Ordinal);
        Assert.Contains("/files/lora-models/", Address.Uri, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public void File_KeptInASpool_SaysWhereItLiesAndLeadsThere()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Failed, Start, failure: FailureCode.UploadFailed));

        Assert.Contains("disk-1", page.Find(".kept").TextContent, StringComparison.Ordinal);
        Assert.Contains(SpoolNames.File(PageSamples.IdOf(4), 1), page.Find(".kept").TextContent, StringComparison.Ordinal);
        Assert.NotNull(page.Find(".kept a[href='/spool']"));

        queries.Replace(PageSamples.Job(4, TrainingState.Completed, Start));
        TellChange();
        page.WaitForAssertion(() => Assert.Empty(page.FindAll(".kept")));
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public void Validation_ShowsOfEachImageItsScoreItsVerdictWhyAndThePictureByASignedLink()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Completed, Start));
        IReadOnlyList<AngleSharp.Dom.IElement> shown = page.FindAll(".images li");

        Assert.Equal(["score 0.58", "score 0.71", "score 0.84"], shown.Select(item => item.QuerySelector(".figure")!.TextContent));
        Assert.Equal(["failed", "passed", "passed"], shown.Select(item => item.QuerySelector(".verdict")!.TextContent.Trim().Split(' ')[0].Split('\n')[0]));
        Assert.Equal(["Below the minimum of 0.60", null, null], shown.Select(item => item.QuerySelector(".reason")?.TextContent));
        for (int index = 0; index < 3; index++)
        {
            ObjectRef target = links.Made[index];
            Assert.Equal(Buckets.ValidationImages, target.Bucket);
            Assert.EndsWith($"/validation/{index}.jpg", target.Key, StringComparison.Ordinal);
            Assert.Equal($"/files/{target}?sig={index + 1}", shown[index].QuerySelector("img")!.GetAttribute("src"));
        }
    }

    /// <summary>What is settled is that of the first attempt alone.</summary>
    [Theory]
    [InlineData(TrainingState.Training)]
    [InlineData(TrainingState.Completed)]
    [Trait("Requirement", "E1")]
    [Trait("Requirement", "M6")]
    public void Job_WhoseSecondAttemptIsNotSettled_ShowsWhatBothHaveCostSoFar(TrainingState state)
    {
        JobDetail detail = PageSamples.Job(4, state, Start);
        JobId id = detail.Job.Id;
        TrainingAttempt second = new(id, 2, "replicate", AttemptState.Active, Start.AddMinutes(-20), null, null, null);
        LedgerPod pod = Assert.Single(detail.Pods);
        IRenderedComponent<JobDetailsPage> page = Show(detail with
        {
            Job = detail.Job with { Attempt = 2, Provider = "replicate", Cost = Usd.FromDollars(0.02m) },
            Attempts = [new TrainingAttempt(id, 1, "runpod", AttemptState.Failed, Start.AddMinutes(-40), Start.AddMinutes(-20), FailureCode.PodLost, Usd.FromDollars(0.02m)), second],
            Pods = [pod, pod with { Name = $"{pod.Name}@other", Attempt = 2, Saw = PodSaw.Gone, WantReason = PodReasons.NotOurs, Billed = Usd.FromDollars(7) }],
            Hosted =
            [
                new HostedTraining
                {
                    Name = "lora-5eed0001-0123456789abcdef0123456789abcdef-2-1",
                    Job = id,
                    Attempt = 2,
                    Try = 1,
                    IsNeeded = true,
                    Saw = HostedSaw.Processing,
                    TrainingId = "abcd1234efgh",
                    RequestedAt = Start.AddMinutes(-20),
                    WantSince = Start.AddMinutes(-20),
                    StartedAt = Start.AddMinutes(-15),
                    HourlyRate = Usd.FromDollars(4),
                },
            ],
        });

        AngleSharp.Dom.IElement cost = page.FindAll(".numbers div").Single(static one => one.QuerySelector("dt")!.TextContent.StartsWith("Cost", StringComparison.Ordinal));
        Assert.Equal(("Cost so far", "$1.02"), (cost.QuerySelector("dt")!.TextContent, cost.QuerySelector("dd")!.TextContent.Trim()));
    }

    [Theory]
    [Trait("Requirement", "E1")]
    [InlineData(TrainingState.Queued, 12, null, "Waits for a provider|12 min", "Waits at most until|in 48 min")]
    [InlineData(TrainingState.Provisioning, 12, 2, "Waits for a provider|12 min", "Asked again|in 3 min", "Waits at most until|in 48 min")]
    [InlineData(TrainingState.Provisioning, 12, 5, "Waits for a provider|12 min", "Waits at most until|in 48 min")]
    [InlineData(TrainingState.Provisioning, 61, 5, "Waits for a provider|1 h 01 min")]
    [InlineData(TrainingState.Failed, 12, 5)]
    public void Job_ThatWaitsForAProvider_SaysSinceWhenWhenItIsAskedAgainAndUntilWhen(TrainingState state, int waits, int? refusedMinutesAgo, params string[] said)
    {
        JobDetail detail = PageSamples.Job(4, state, Start);
        IRenderedComponent<JobDetailsPage> page = Show(detail with
        {
            Job = detail.Job with { Attempt = 2, Provider = "replicate", WaitingSince = Start.AddMinutes(-waits), WaitReason = "Replicate's credit is used up. Add credit to the account" },
            RefusedAt = refusedMinutesAgo is { } ago ? Start.AddMinutes(-ago) : null,
        });

        Assert.Equal(
            said,
            page.FindAll(".numbers > div").Select(one => $"{one.Children[0].TextContent}|{one.Children[1].TextContent.Trim()}")
                .Where(static one => one.StartsWith("Waits", StringComparison.Ordinal) || one.StartsWith("Asked", StringComparison.Ordinal)));
    }

    [Theory]
    [Trait("Requirement", "M6")]
    [InlineData(1, 4, "Still reserves $13.02 of the month's money: Replicate never clearly answered a create call, which may have made something that costs money. It is looked for in Replicate's lists; that ends about in 11 min.")]
    [InlineData(4, 4, "Still reserves $13.02 of the month's money: Replicate never clearly answered 4 create calls, each of which may have made something that costs money. It is looked for in Replicate's lists; that ends about in 11 min.")]
    [InlineData(2, 16, "Still reserves $13.02 of the month's money: Replicate never clearly answered 2 create calls, each of which may have made something that costs money. It is looked for in Replicate's lists; that ends about in 1 d.")]
    [InlineData(0, 0, "Still reserves $13.02 of the month's money: it is settled within a minute or so.")]
    public void Job_ThatHasEndedAndStillHoldsMoney_SaysWhatForAndUntilWhen(int doubts, int minutesAgo, string words)
    {
        JobDetail detail = PageSamples.Job(4, TrainingState.Completed, Start);
        JobId id = detail.Job.Id;
        IRenderedComponent<JobDetailsPage> page = Show(detail with
        {
            Job = detail.Job with { Attempt = 2, Provider = "replicate", PodId = null, Cost = Usd.Zero },
            Attempts =
            [
                new TrainingAttempt(id, 1, "runpod", AttemptState.Failed, Start.AddMinutes(-40), Start.AddMinutes(-39), FailureCode.NoProvider, Usd.Zero),
                new TrainingAttempt(id, 2, "replicate", AttemptState.Succeeded, Start.AddMinutes(-39), Start.AddMinutes(-3), null, null),
            ],
            Pods = [],
            Reservations = [new Reservation(Guid.Empty, id, 2, new Month(2026, 11), Usd.FromDollars(13.02m), Start.AddMinutes(-40), null, null)],
            Hosted =
            [
                .. Enumerable.Range(1, doubts).Select(number => Hosted(id, number) with { IsNeeded = false, Reason = HostedReasons.InDoubt, WantSince = Start.AddMinutes(-minutesAgo) }),
                Hosted(id, 5) with { Saw = HostedSaw.Over, TrainingId = "abcd1234efgh", Worked = TimeSpan.FromSeconds(15) },
            ],
        });

        Assert.Equal(words, string.Join(' ', Assert.Single(page.FindAll(".hold")).TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal([.. Enumerable.Repeat("in doubt", doubts), "over"], page.FindAll(".pod .chip").Select(chip => chip.TextContent.Trim()));
    }

    /// <summary>One whose call is still out has no id either.</summary>
    [Theory]
    [InlineData(PodWant.Released, PodSaw.Requested, "in doubt")]
    [InlineData(PodWant.Needed, PodSaw.Requested, "requested")]
    [InlineData(PodWant.Released, PodSaw.Gone, "gone")]
    public void Pod_WhoseCreateCallWasNeverClearlyAnswered_IsInDoubt(PodWant want, PodSaw saw, string word)
    {
        JobDetail detail = PageSamples.Job(4, TrainingState.Provisioning, Start);
        LedgerPod pod = PageSamples.Job(4, TrainingState.Training, Start).Pods[0] with { PodId = null, Want = want, Saw = saw };
        IRenderedComponent<JobDetailsPage> page = Show(detail with
        {
            Attempts = [new TrainingAttempt(detail.Job.Id, pod.Attempt, "runpod", AttemptState.Active, Start, null, null, null)],
            Pods = [pod],
        });

        Assert.Equal(word, Assert.Single(page.FindAll(".pod .chip")).TextContent.Trim());
        Assert.Equal(word == "in doubt", page.Markup.Contains("Its create call was never clearly answered: watched in case it turns up.", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public void Job_TrainedByTheFallback_ShowsBothAttemptsWithTheirCostAndThatNobodyJudgedIt()
    {
        JobDetail onPods = PageSamples.Job(4, TrainingState.Completed, Start);
        JobId id = onPods.Job.Id;
        IRenderedComponent<JobDetailsPage> page = Show(onPods with
        {
            Job = onPods.Job with { Attempt = 2, Provider = "replicate", PodId = null, TrainingId = "abcd1234efgh", NotValidated = "Replicate makes no validation images" },
            Attempts =
            [
                new TrainingAttempt(id, 1, "runpod", AttemptState.Failed, Start.AddMinutes(-40), Start.AddMinutes(-39), FailureCode.NoProvider, Usd.FromDollars(0.02m)),
                new TrainingAttempt(id, 2, "replicate", AttemptState.Succeeded, Start.AddMinutes(-39), Start.AddMinutes(-10), null, Usd.FromDollars(1.21m)),
            ],
            Pods = [],
            ValidationImages = [],
            Hosted =
            [
                new HostedTraining
                {
                    Name = "lora-5eed0001-0123456789abcdef0123456789abcdef-2-1",
                    Job = id,
                    Attempt = 2,
                    Try = 1,
                    IsNeeded = true,
                    Saw = HostedSaw.Over,
                    TrainingId = "abcd1234efgh",
                    RequestedAt = Start.AddMinutes(-39),
                    WantSince = Start.AddMinutes(-39),
                    Worked = TimeSpan.FromMinutes(14),
                    HourlyRate = Usd.FromDollars(5.04m),
                },
            ],
        });
        Assert.Equal("Trained and stored; not validated", page.Find(".page-head .chip").GetAttribute("title"));
        IReadOnlyList<AngleSharp.Dom.IElement> attempts = page.FindAll(".attempt");

        Assert.Equal([("Attempt 2", "$1.21"), ("Attempt 1", "$0.02")], attempts.Select(one => (one.QuerySelector("strong")!.TextContent, one.QuerySelector(".cost")!.TextContent.Trim())));
        Assert.StartsWith("Replicate, began", attempts[0].QuerySelector(".sub")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("abcd1234efgh", attempts[0].TextContent, StringComparison.Ordinal);
        Assert.Contains("$1.18", attempts[0].QuerySelector(".pod")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("No GPU provider could start the training", attempts[1].TextContent, StringComparison.Ordinal);
        Assert.Equal("not validated", page.Find("[aria-labelledby=unjudged-head] .chip").TextContent.Trim());
        Assert.Equal("Trained and stored; not validated", page.Find(".what").TextContent);
    }

    [Fact]
    public void Validation_LiveUpdates_KeepTheImagesLinks()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Completed, Start));
        Assert.Equal(3, page.FindAll(".images img").Count);
        Assert.Contains("2 of 3 passed", page.Markup, StringComparison.Ordinal);
        int reads = queries.Reads;

        TellChange();
        page.WaitForAssertion(() => Assert.True(queries.Reads > reads));

        Assert.Equal(3, links.Made.Count);
    }

    [Fact]
    public void Timeline_Error_HoldsTheProvidersWords()
    {
        IRenderedComponent<JobDetailsPage> page = Show(PageSamples.Job(4, TrainingState.Failed, Start, failure: FailureCode.TrainingFailed));

        Assert.Contains("device-side assert", page.Find("details pre").TextContent, StringComparison.Ordinal);
    }

    private IRenderedComponent<JobDetailsPage> Show(JobDetail detail)
    {
        queries.Jobs.Add(detail);
        IRenderedComponent<JobDetailsPage> page = RenderPage<JobDetailsPage>(parameters => parameters.Add(job => job.Id, detail.Job.Id.Value));
        page.WaitForAssertion(() => page.Find(".page-head .chip"));
        return page;
    }

    private void OpenCancel(IRenderedComponent<JobDetailsPage> page)
    {
        Button(page, "Cancel job").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
    }

    private static HostedTraining Hosted(JobId job, int number) => new()
    {
        Name = PodNames.For("5eed0001", job, 2, number),
        Job = job,
        Attempt = 2,
        Try = number,
        IsNeeded = true,
        Saw = HostedSaw.Requested,
        RequestedAt = Start.AddMinutes(-39),
        WantSince = Start.AddMinutes(-39),
        HourlyRate = Usd.FromDollars(5.04m),
    };
}
