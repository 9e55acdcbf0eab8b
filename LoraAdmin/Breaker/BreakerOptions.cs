using Microsoft.Extensions.Options;

namespace LoraAdmin.Breaker;

/// <summary>Section <c>Breaker</c>: when creations of pods stop, and when they are tried again. All workers must have the same figures.</summary>
public sealed class BreakerOptions
{
    public const string Section = "Breaker";

    /// <summary>It opens on this failure inside <see cref="Window"/> that no success followed.</summary>
    public int Failures { get; set; } = 3;

    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Then one creation is tried.</summary>
    public TimeSpan OpenFor { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Doubles <see cref="OpenFor"/> with each trip until a day in health, up to <see cref="LongestOpenFor"/>.</summary>
    public bool GrowOpenTime { get; set; }

    public TimeSpan LongestOpenFor { get; set; } = TimeSpan.FromHours(4);

    /// <summary>
    /// How long a worker may take over the creation that is tried, before another one may: more than twice <c>RunPod:CallTimeout</c>, for the call and
    /// the look-up after it.
    /// </summary>
    public TimeSpan ProbeLease { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>After this, whatever had to be asked, the portal's own breaker answers instead of Redis.</summary>
    public TimeSpan RedisTimeout { get; set; } = TimeSpan.FromSeconds(1);
}

/// <summary>Each message names the key and the remedy.</summary>
public sealed class BreakerOptionsValidator : IValidateOptions<BreakerOptions>
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);

    public ValidateOptionsResult Validate(string? name, BreakerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> problems = [];
        if (options.Failures is < 1 or > 100)
        {
            problems.Add($"Breaker:Failures is {options.Failures}: give a whole number from 1 to 100.");
        }

        Check(nameof(options.Window), options.Window, Second, Week);
        Check(nameof(options.OpenFor), options.OpenFor, Second, Week);
        Check(nameof(options.LongestOpenFor), options.LongestOpenFor, options.OpenFor < Week && options.OpenFor > Second ? options.OpenFor : Second, Week);
        Check(nameof(options.ProbeLease), options.ProbeLease, Second, TimeSpan.FromHours(1));
        Check(nameof(options.RedisTimeout), options.RedisTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(30));
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);

        void Check(string key, TimeSpan value, TimeSpan least, TimeSpan most)
        {
            if (value < least || value > most)
            {
                problems.Add($"Breaker:{key} is {value}: give a duration from {least} to {most}.");
            }
        }
    }
}
