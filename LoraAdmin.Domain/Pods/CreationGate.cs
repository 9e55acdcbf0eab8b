namespace LoraAdmin.Domain.Pods;

/// <summary>What a create call was allowed by. Kept in the ledger's row from before the call until its result is told.</summary>
/// <param name="Once">One call without retries: its result decides whether others may ask.</param>
/// <param name="Ticket">Only the gate reads it.</param>
public sealed record CreationPermit(bool Once, string Ticket)
{
    private const string ToldWord = "told:";
    private const string OnceWord = "once:";
    private const string ManyWord = "many:";

    /// <summary>That the creation failed is told already, although its pod may still turn up.</summary>
    public bool IsFailureTold { get; init; }

    public override string ToString() => (IsFailureTold ? ToldWord : "") + (Once ? OnceWord : ManyWord) + Ticket;

    /// <exception cref="FormatException">It was not written by <see cref="ToString"/>.</exception>
    public static CreationPermit Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith(ToldWord, StringComparison.Ordinal) ? Parse(text[ToldWord.Length..]) with { IsFailureTold = true }
            : text.StartsWith(OnceWord, StringComparison.Ordinal) ? new CreationPermit(true, text[OnceWord.Length..])
            : text.StartsWith(ManyWord, StringComparison.Ordinal) ? new CreationPermit(false, text[ManyWord.Length..])
            : throw new FormatException($"\"{text}\" is no creation permit.");
    }
}

public abstract record CreationVerdict
{
    private CreationVerdict()
    {
    }

    public sealed record Go(CreationPermit Permit) : CreationVerdict;

    /// <param name="Counts">Whether the wait counts towards <c>Training:QueueWait</c>: one that a person made does not.</param>
    public sealed record Hold(string Reason, bool Counts) : CreationVerdict;
}

/// <summary>What became of a creation.</summary>
public abstract record CreationResult
{
    private CreationResult()
    {
    }

    /// <summary>Made, or found and adopted.</summary>
    public sealed record Made : CreationResult;

    /// <summary>After all its retries, or an answer that is not retried.</summary>
    public sealed record Failed(ProviderError Error) : CreationResult;

    /// <summary>The permit was not used.</summary>
    public sealed record NotAsked : CreationResult;
}

/// <summary>
/// Asked before every create call, and told how each creation ended. Implemented by the training feature on the breaker. No member throws for an
/// outside failure.
/// </summary>
public interface ICreationGate
{
    /// <param name="name">Of the try: asking again under it gives the same permit again.</param>
    Task<CreationVerdict> AskAsync(string name, CancellationToken cancellationToken);

    /// <summary>Why the permit does not hold any more at the moment when the call is about to be sent; null: it does.</summary>
    Task<string?> WhyWithdrawnAsync(CreationPermit permit, CancellationToken cancellationToken);

    /// <summary>Telling the same result twice counts once.</summary>
    Task TellAsync(CreationPermit permit, string name, CreationResult result, CancellationToken cancellationToken);
}
