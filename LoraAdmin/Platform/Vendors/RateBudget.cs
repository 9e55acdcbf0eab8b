namespace LoraAdmin.Platform.Vendors;

public enum CallPriority
{
    /// <summary>Creates, lists, reads, starts: keeps its hands off the reserve.</summary>
    Normal,

    /// <summary>Deletes and stops: they end costs and may use the reserve.</summary>
    EndsCosts,
}

/// <summary>
/// What one account may still send, by the vendor's own headers. Below the reserve in any window only calls that end costs go out; after a 429
/// nothing but those, and they too wait as long as <c>Retry-After</c> says, or until a used-up minute is over. Knows nothing until the first answer
/// and then lets everything pass that no header speaks against: both headers are optional. Thread safe.
/// </summary>
public sealed class RateBudget(int reserve, TimeProvider clock)
{
    /// <summary>When a 429 names no time at all.</summary>
    private static readonly TimeSpan UnnamedWait = TimeSpan.FromSeconds(10);

    /// <summary>When a window names neither its reset nor its length.</summary>
    private static readonly TimeSpan UnnamedWindow = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Window> windows = new(StringComparer.Ordinal);
    private int inFlight;
    private DateTimeOffset normalNotBefore;
    private DateTimeOffset endingNotBefore;

    /// <summary>
    /// Null: send it, and report back by <see cref="Answered"/>, <see cref="Unanswered"/> or <see cref="NotSent"/>. Else: not sooner than this.
    /// </summary>
    public TimeSpan? TryEnter(CallPriority priority)
    {
        lock (gate)
        {
            DateTimeOffset now = clock.GetUtcNow();
            DateTimeOffset until = priority == CallPriority.EndsCosts ? endingNotBefore : normalNotBefore;
            foreach (Window window in windows.Values)
            {
                // The vendor refuses what comes after the last call of a window, and counts it against the account. A long window is tried all the
                // same: its figure may be old, and a pod must not bill for an hour because of it.
                bool closed = priority == CallPriority.Normal
                    ? window.Remaining - inFlight < window.ReserveOf(reserve)
                    : window.Remaining - inFlight <= 0 && window.ResetsAt - now <= UnnamedWindow;
                if (closed && window.ResetsAt > now && window.ResetsAt > until)
                {
                    until = window.ResetsAt;
                }
            }

            if (until > now)
            {
                return until - now;
            }

            inFlight++;
            return null;
        }
    }

    /// <summary>Notes what the answer's headers say.</summary>
    /// <returns>For a 429: how long the refused call waits at least.</returns>
    public TimeSpan? Answered(VendorAnswer answer, CallPriority priority)
    {
        ArgumentNullException.ThrowIfNull(answer);
        lock (gate)
        {
            inFlight--;
            DateTimeOffset now = clock.GetUtcNow();
            Note(answer, now);
            return answer.Status == 429 ? Refused(answer, priority, now) : null;
        }
    }

    /// <summary>The call got no answer: it may have been counted, so it is.</summary>
    public void Unanswered()
    {
        lock (gate)
        {
            inFlight--;
            foreach (Window window in windows.Values)
            {
                window.Remaining = Math.Max(0, window.Remaining - 1);
            }
        }
    }

    /// <summary>The call was certainly not received, so it was not counted.</summary>
    public void NotSent()
    {
        lock (gate)
        {
            inFlight--;
        }
    }

    private void Note(VendorAnswer answer, DateTimeOffset now)
    {
        IReadOnlyList<RateLimitItem> policies = RateLimitHeaders.ParsePolicy(answer.RateLimitPolicy);
        foreach (RateLimitItem item in RateLimitHeaders.ParseRemaining(answer.RateLimit))
        {
            RateLimitItem? policy = policies.FirstOrDefault(policy => policy.Name == item.Name);
            TimeSpan untilReset = item.Seconds is { } t ? TimeSpan.FromSeconds(t)
                : policy?.Seconds is { } w ? TimeSpan.FromSeconds(w)
                : UnnamedWindow;
            windows[item.Name] = new Window
            {
                Remaining = item.Number,
                ResetsAt = now + untilReset,
                Quota = policy?.Number ?? windows.GetValueOrDefault(item.Name)?.Quota,
            };
        }

        foreach (string old in windows.Where(pair => pair.Value.ResetsAt <= now).Select(pair => pair.Key).ToList())
        {
            windows.Remove(old);
        }
    }

    private TimeSpan Refused(VendorAnswer answer, CallPriority priority, DateTimeOffset now)
    {
        TimeSpan? asked = RateLimitHeaders.ParseRetryAfter(answer.RetryAfter, now);
        DateTimeOffset longest = now;
        foreach (Window window in windows.Values)
        {
            if (window.Remaining == 0 && window.ResetsAt > longest)
            {
                longest = window.ResetsAt;
            }
        }

        // Retry-After names only the window that refused: with several used up, the longest one counts.
        DateTimeOffset named = now + (asked ?? (longest > now ? TimeSpan.Zero : UnnamedWait));
        DateTimeOffset all = named > longest ? named : longest;
        DateTimeOffset ending = asked is null ? all : named;
        endingNotBefore = Later(endingNotBefore, ending);
        normalNotBefore = Later(normalNotBefore, all);
        return (priority == CallPriority.EndsCosts ? ending : all) - now;
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private sealed class Window
    {
        public required long Remaining { get; set; }

        public required DateTimeOffset ResetsAt { get; init; }

        /// <summary>From the policy; null when none was sent.</summary>
        public required long? Quota { get; init; }

        /// <summary>A window smaller than the reserve would never let a normal call pass: it keeps back a third of itself.</summary>
        public long ReserveOf(int wished) => Quota is { } quota ? Math.Min(wished, quota / 3) : wished;
    }
}
