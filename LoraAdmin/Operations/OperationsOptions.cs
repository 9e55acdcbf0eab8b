using LoraAdmin.Domain.Operations;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Operations;

/// <summary>Section <c>Operations</c>.</summary>
public sealed class OperationsOptions
{
    public const string Section = "Operations";

    /// <summary>How long after its instant a run may begin and still count as on time.</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>A plan that is older is not applied any more.</summary>
    public TimeSpan PlanValidFor { get; set; } = TimeSpan.FromHours(1);

    /// <summary>A run that was not heard of for so long is taken over by another instance.</summary>
    public TimeSpan LeaseFor { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often scheduled instants are accounted for; with the grace it says when a missed one is told.</summary>
    public TimeSpan KeeperEvery { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Runs of each operation that are kept however old they are.</summary>
    public int KeepRuns { get; set; } = 500;

    /// <summary>Runs that are younger are kept however many they are.</summary>
    public TimeSpan KeepRunsFor { get; set; } = TimeSpan.FromDays(30);

    public OperationRules ToRules() => new(Grace, PlanValidFor, LeaseFor, KeeperEvery, KeepRuns, KeepRunsFor);
}

/// <summary>Each message names the key and the remedy.</summary>
internal sealed class OperationsOptionsValidator : IValidateOptions<OperationsOptions>
{
    public ValidateOptionsResult Validate(string? name, OperationsOptions options)
    {
        List<string> problems = [];
        Between(problems, nameof(options.Grace), options.Grace, TimeSpan.FromSeconds(5), TimeSpan.FromDays(1));
        Between(problems, nameof(options.PlanValidFor), options.PlanValidFor, TimeSpan.FromMinutes(1), TimeSpan.FromDays(7));
        Between(problems, nameof(options.LeaseFor), options.LeaseFor, TimeSpan.FromSeconds(3), TimeSpan.FromHours(1));
        Between(problems, nameof(options.KeeperEvery), options.KeeperEvery, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Between(problems, nameof(options.KeepRunsFor), options.KeepRunsFor, TimeSpan.FromDays(1), TimeSpan.FromDays(3650));
        if (options.KeepRuns is < 10 or > 100_000)
        {
            problems.Add($"Operations:KeepRuns is {options.KeepRuns}: give a whole number from 10 to 100000.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void Between(List<string> problems, string key, TimeSpan value, TimeSpan least, TimeSpan most)
    {
        if (value < least || value > most)
        {
            problems.Add($"Operations:{key} is {value}: give a duration from {least} to {most}.");
        }
    }
}
