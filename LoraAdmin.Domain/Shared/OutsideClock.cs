namespace LoraAdmin.Domain.Shared;

/// <summary>A clock of the outside that is heard in whatever its owner answers, and whose owner is asked when it was silent.</summary>
public interface IOutsideClock
{
    /// <summary>As in <see cref="ClockStanding.Subject"/>.</summary>
    string Subject { get; }

    /// <summary>Has its owner answer something. What the answer says of the time is noted in <see cref="ClockStandings"/> by whoever receives it.</summary>
    /// <returns>Why there was no answer; null: there was one.</returns>
    Task<string?> AskAsync(CancellationToken cancellationToken);
}
