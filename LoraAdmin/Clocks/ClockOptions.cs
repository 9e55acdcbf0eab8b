using LoraAdmin.Domain.Shared;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Clocks;

/// <summary>Section <c>Clocks</c>: the machine's clock beside the database's, and the portal's beside RunPod's.</summary>
public sealed class ClockOptions
{
    public const string Section = "Clocks";

    /// <summary>A larger difference is an incident.</summary>
    public TimeSpan TellAt { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>A larger difference holds what ends or deletes something by age.</summary>
    public TimeSpan HoldAt { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often clocks are compared, and the database's is followed.</summary>
    public TimeSpan MeasureEvery { get; set; } = TimeSpan.FromMinutes(1);

    public ClockRules ToRules() => new(TellAt, HoldAt, MeasureEvery);
}

/// <summary>Each message names the key and the remedy.</summary>
internal sealed class ClockOptionsValidator : IValidateOptions<ClockOptions>
{
    /// <summary>RunPod tells the time in whole seconds, and an answer may take some.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(5);

    public ValidateOptionsResult Validate(string? name, ClockOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> problems = [];
        Check(nameof(options.TellAt), options.TellAt, Least, TimeSpan.FromHours(1));
        Check(nameof(options.HoldAt), options.HoldAt, Least, TimeSpan.FromDays(1));
        Check(nameof(options.MeasureEvery), options.MeasureEvery, Least, TimeSpan.FromMinutes(10));
        if (problems.Count == 0 && options.HoldAt <= options.TellAt)
        {
            problems.Add($"Clocks:HoldAt is {options.HoldAt}: give more than Clocks:TellAt, which is {options.TellAt}, so that people are told before anything is held.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);

        void Check(string key, TimeSpan value, TimeSpan least, TimeSpan most)
        {
            if (value < least || value > most)
            {
                problems.Add($"Clocks:{key} is {value}: give a duration from {least} to {most}.");
            }
        }
    }
}
