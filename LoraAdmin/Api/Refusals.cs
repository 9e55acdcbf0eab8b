using System.Globalization;
using System.Text.Json.Nodes;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;

namespace LoraAdmin.Api;

/// <summary>What the desk's refusals look like over HTTP.</summary>
internal static class Refusals
{
    public static Problem LimitReached(ChargeResult charge)
    {
        bool attempts = charge.Verdict == ChargeVerdict.AttemptsReached;
        return new Problem(
            StatusCodes.Status403Forbidden,
            attempts ? "attempts_reached" : "limit_reached",
            "The user's monthly limit is reached",
            attempts
                ? $"The user has used {charge.Used} of {charge.Limit} attempts this month, refunded ones included."
                : $"The user has used {charge.Used} of {charge.Limit} LoRAs this month.",
            "Wait for the next month (UTC), or ask the operators to raise the user's limit.")
        {
            More = new JsonObject { ["used"] = charge.Used, ["limit"] = charge.Limit },
        };
    }

    /// <param name="mayFitAt">Null: it is more than a month may cost, or not known.</param>
    public static Problem BudgetExhausted(BudgetMonth month, Usd estimate, DateTimeOffset? mayFitAt) =>
        new(
            StatusCodes.Status402PaymentRequired,
            "budget_exhausted",
            FailureTable.For(FailureCode.BudgetExhausted).Message,
            $"The job may cost {estimate}; of {month.Limit} for {month.Month}, {month.Spent} are spent and {month.Reserved} reserved.",
            mayFitAt is { } at
                ? $"It may fit from {at.UtcDateTime:yyyy-MM-dd HH:mm} UTC on, when enough of what jobs hold has come back or the next month has begun; or ask the operators to raise the month's limit."
            : BudgetOutlook.MayEverFit(month, estimate)
                ? "It may fit as soon as jobs that are over their time give back what they hold, and nobody knows when that is: try again later, or ask the operators to look after them or to raise the month's limit."
            : "It is more than a month may cost: ask the operators to raise the month's limit.")
        {
            More = new JsonObject
            {
                ["month"] = month.Month.ToString(),
                ["limit_usd"] = month.Limit.Dollars,
                ["spent_usd"] = month.Spent.Dollars,
                ["reserved_usd"] = month.Reserved.Dollars,
                ["estimate_usd"] = estimate.Dollars,
                ["may_fit"] = mayFitAt is not null ? "at" : BudgetOutlook.MayEverFit(month, estimate) ? "unknown" : "never",
                ["may_fit_at"] = mayFitAt?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            },
        };

    public static Problem UploadGone() =>
        new(
            StatusCodes.Status409Conflict,
            "upload_gone",
            "The uploaded images are gone",
            "They were removed or claimed by another request before the job was admitted.",
            "Send the whole request again, images included.");

    public static Problem NoJob(string id) =>
        new(StatusCodes.Status404NotFound, "job_not_found", "There is no such training job", $"No training job has the id {Short(id)}.", "Check the id; the list GET /api/v1/training-jobs shows them all.");

    public static Problem NoLora(string id) =>
        new(StatusCodes.Status404NotFound, "lora_not_found", "There is no such LoRA", $"No LoRA has the id {Short(id)}.", "Check the id; a training job names its LoRA as lora_id.");

    public static Problem BadId(string id) => Problem.Invalid("id", $"{Short(id)} is not a UUID.", "Use the id from the answer to the submission.");

    public static Problem InState(string code, string title, TrainingState state, string remedy) =>
        new(StatusCodes.Status409Conflict, code, title, $"The job is in state {state.ToWord()}.", remedy)
        {
            More = new JsonObject { ["state"] = state.ToWord() },
        };

    public static Problem NotRetryable(FailureRule rule) =>
        new(
            StatusCodes.Status409Conflict,
            "not_retryable",
            "A retry can't help",
            $"The job failed as {rule.Code} ({rule.Message}).",
            rule.Retry == RetryRule.WithNewImages ? "Submit a new job with other images." : "Submit a new job.")
        {
            More = new JsonObject { ["failure_code"] = rule.Code },
        };

    public static Problem FileOutOfReach(RetryOutcome.FileOutOfReach gone) =>
        new(StatusCodes.Status409Conflict, "file_out_of_reach", "The kept file can't be uploaded now", gone.Why, gone.Remedy);

    private static string Short(string id) => id.Length <= 60 ? $"\"{id}\"" : $"\"{id[..60]}…\"";
}
