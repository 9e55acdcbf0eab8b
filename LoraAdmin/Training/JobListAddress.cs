using System.Buffers.Text;
using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Training;

/// <summary>What the list of jobs shows, as its address says it: a link, a reload and a step back show the same rows.</summary>
/// <param name="User">As it was typed; <see cref="UserProblem"/> says whether it is an id.</param>
/// <param name="After">Where the page before this one ended; null on the first.</param>
public sealed record JobListAddress(IReadOnlyList<TrainingState> States, string? User, string? Text, JobCursor? After)
{
    public const string Path = "/training";

    public static readonly JobListAddress All = new([], null, null, null);

    public static readonly TrainingState[] Waiting = [TrainingState.Queued, TrainingState.Preparing];

    public static readonly TrainingState[] Running =
        [TrainingState.Provisioning, TrainingState.Training, TrainingState.Retrieving, TrainingState.Uploading, TrainingState.Validating];

    /// <summary>Words of the address that name no state, as they were typed: the list is shown without them, and says so. No link carries them on.</summary>
    public IReadOnlyList<string> UnknownStates { get; private init; } = [];

    public bool IsFiltered => States.Count > 0 || User is not null || Text is not null;

    public bool IsFirstPage => After is null;

    public string? UserProblem =>
        User is null || Guid.TryParse(User, out _) ? null : "This is no user id. A user id looks like 3f2b8c1e-9a4d-4c1b-8f0e-2d6a7b5c4e10.";

    /// <summary>Reads the parts of an address; unknown states don't filter, and a broken cursor counts as absent.</summary>
    public static JobListAddress Parse(IEnumerable<string>? states, string? user, string? text, string? after)
    {
        List<TrainingState> known = [];
        List<string> unknown = [];
        foreach (string word in states ?? [])
        {
            if (!TrainingStates.TryParse(word, out TrainingState state))
            {
                unknown.Add(word);
            }
            else if (!known.Contains(state))
            {
                known.Add(state);
            }
        }

        known.Sort();
        return new JobListAddress(known, Clean(user), Clean(text), ParseCursor(after)) { UnknownStates = [.. unknown.Where(static word => word.Length > 0)] };
    }

    public JobListAddress WithoutCursor() => this with { After = null };

    public static JobListAddress Of(params IReadOnlyList<TrainingState> states) => All with { States = states };

    public JobFilter ToFilter() =>
        new(States.Count == 0 ? null : States, Guid.TryParse(User, out Guid user) ? new UserId(user) : null, Text);

    public string ToUri() => Path + Query();

    /// <summary>Empty, or with its question mark.</summary>
    public string Query()
    {
        List<string> parts = [.. States.Select(state => $"state={state.ToWord()}")];
        Add(parts, "user", User);
        Add(parts, "q", Text);
        Add(parts, "after", After is { } cursor ? FormatCursor(cursor) : null);
        return parts.Count == 0 ? "" : "?" + string.Join('&', parts);
    }

    public static string FormatCursor(JobCursor cursor)
    {
        ArgumentNullException.ThrowIfNull(cursor);
        return Base64Url.EncodeToString(Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{cursor.CreatedAt.UtcTicks}.{cursor.Id.Value:N}")));
    }

    private static JobCursor? ParseCursor(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > 100 || !Base64Url.IsValid(text))
        {
            return null;
        }

        string[] parts = Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('.');
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long ticks)
            && ticks <= DateTime.MaxValue.Ticks
            && Guid.TryParseExact(parts[1], "N", out Guid id)
            ? new JobCursor(new DateTimeOffset(ticks, TimeSpan.Zero), new JobId(id))
            : null;
    }

    private static void Add(List<string> parts, string name, string? value)
    {
        if (value is not null)
        {
            parts.Add($"{name}={Uri.EscapeDataString(value)}");
        }
    }

    private static string? Clean(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim()[..Math.Min(200, text.Trim().Length)];
}
