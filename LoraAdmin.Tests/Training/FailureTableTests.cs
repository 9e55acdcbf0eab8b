using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.EndToEnd.Processes;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The table is part of the API: codes and messages letter by letter, refunds and retries as decided.</summary>
public sealed class FailureTableTests
{
    [Theory]
    [InlineData(FailureCode.InvalidTrainingImages, "invalid_training_images", "Invalid training images",
        RefundRule.Always, AdminNotice.None, RetryRule.WithNewImages)]
    [InlineData(FailureCode.NoProvider, "no_provider", "No GPU provider could start the training",
        RefundRule.Always, AdminNotice.None, RetryRule.ByPerson)]
    [InlineData(FailureCode.TrainingTimeout, "training_timeout", "Training timeout",
        RefundRule.Always, AdminNotice.Alert, RetryRule.ByPerson)]
    [InlineData(FailureCode.TrainingFailed, "training_failed", "Training failed",
        RefundRule.Always, AdminNotice.Warning, RetryRule.ByPerson)]
    [InlineData(FailureCode.ArtifactCorrupt, "artifact_corrupt", "The trained file is damaged",
        RefundRule.Always, AdminNotice.Warning, RetryRule.ByPerson)]
    [InlineData(FailureCode.PodLost, "pod_lost", "The GPU pod was lost",
        RefundRule.Always, AdminNotice.Warning, RetryRule.OnceByItself)]
    [InlineData(FailureCode.UploadFailed, "upload_failed", "Upload to storage failed; the file is kept",
        RefundRule.Never, AdminNotice.None, RetryRule.UploadOnly)]
    [InlineData(FailureCode.QualityValidationFailed, "quality_validation_failed", "Quality validation failed",
        RefundRule.Always, AdminNotice.None, RetryRule.ByPerson)]
    [InlineData(FailureCode.BudgetExhausted, "budget_exhausted", "The monthly training budget is used up",
        RefundRule.Always, AdminNotice.None, RetryRule.ByPerson)]
    [InlineData(FailureCode.Cancelled, "cancelled", "Cancelled",
        RefundRule.BeforePodOrByAdmin, AdminNotice.None, RetryRule.ByPerson)]
    public void Rule_OfEachCode_SaysWhatWasDecided(
        FailureCode failure, string code, string message, RefundRule refund, AdminNotice admin, RetryRule retry)
    {
        Assert.Equal(new FailureRule(failure, code, message, refund, admin, retry), FailureTable.For(failure));
        Assert.Same(FailureTable.For(failure), FailureTable.ForCode(code));
    }

    [Fact]
    public void Rules_CoverEveryCodeOnce()
    {
        Assert.Equal(Enum.GetValues<FailureCode>(), FailureTable.Rules.Select(rule => rule.Failure));
        Assert.Distinct(FailureTable.Rules.Select(rule => rule.Code));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Upload_Failed")]
    public void Code_ThatIsNone_HasNoRule(string? code) => Assert.Null(FailureTable.ForCode(code));

    [Fact]
    public void Document_SaysOfEachCodeWhatTheTableDecides()
    {
        string[][] rows = [.. File.ReadLines(Path.Combine(ProgramRun.Root, "docs", "error-scenarios.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1])];

        Assert.Equal(
            FailureTable.Rules.Select(rule => ($"`{rule.Code}`", $"`{rule.Message}`", Words(rule.Refund), Words(rule.Retry))),
            rows.Select(cells => (cells[0], cells[1], cells[3], cells[5])));
        Assert.All(FailureTable.Rules.Zip(rows), pair => Assert.StartsWith(Words(pair.First.Admin), pair.Second[4], StringComparison.Ordinal));
        Assert.All(rows, cells => Assert.All(cells, cell => Assert.NotEmpty(cell)));
    }

    private static string Words(RefundRule refund) => refund switch
    {
        RefundRule.Always => "yes",
        RefundRule.Never => "no",
        _ => "before anything was asked of a provider since it was charged, or cancelled by an admin",
    };

    private static string Words(RetryRule retry) => retry switch
    {
        RetryRule.WithNewImages => "no: with new images",
        RetryRule.OnceByItself => "once by itself, then by a person",
        RetryRule.UploadOnly => "uploads only",
        _ => "by a person",
    };

    private static string Words(AdminNotice notice) => notice switch
    {
        AdminNotice.None => "nobody",
        AdminNotice.Warning => "timeline",
        _ => "alert",
    };
}
