namespace LoraAdmin.Domain.Shared;

/// <summary>A clock outside of this process, held against the process's own. "Could not read" is its own answer and proves nothing.</summary>
public abstract record ClockReading
{
    private ClockReading()
    {
    }

    /// <param name="Ahead">How far the own clock is ahead of the other; negative when it is behind.</param>
    /// <param name="Margin">By how much that may be wrong: half the time that the answer took, and half of what it rounds away.</param>
    public sealed record Read(TimeSpan Ahead, TimeSpan Margin) : ClockReading
    {
        /// <summary>They differ by this much for certain.</summary>
        public TimeSpan AtLeast => Ahead.Duration() > Margin ? Ahead.Duration() - Margin : TimeSpan.Zero;

        /// <summary>They differ by no more than this.</summary>
        public TimeSpan AtMost => Ahead.Duration() + Margin;
    }

    public sealed record Unread(string Why) : ClockReading;

    /// <summary>Reads an answer that names an instant. The other side looked at its clock somewhere between question and answer, halfway at best guess.</summary>
    /// <param name="other">What the other clock said, rounded down to a multiple of <paramref name="resolution"/>.</param>
    /// <param name="asked">When the question left, by the own clock.</param>
    /// <param name="answered">When the answer came, by the own clock.</param>
    /// <param name="took">The time in between by a timer that nobody sets: a clock that was set meanwhile makes the reading vague, not wrong.</param>
    public static Read Between(DateTimeOffset other, TimeSpan resolution, DateTimeOffset asked, DateTimeOffset answered, TimeSpan took)
    {
        TimeSpan byClock = answered - asked;
        TimeSpan within = byClock.Duration() > took ? byClock.Duration() : took;
        return new Read(asked + (byClock / 2) - (other + (resolution / 2)), (within + resolution) / 2);
    }
}
