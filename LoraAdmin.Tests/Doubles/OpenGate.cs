using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Tests.Doubles;

/// <summary>Lets every creation through and keeps what it was told.</summary>
internal sealed class OpenGate : ICreationGate
{
    public List<(string Name, CreationResult Result)> Told { get; } = [];

    /// <summary>Set: permits are withdrawn right before the call.</summary>
    public string? Withdrawn { get; set; }

    public Task<CreationVerdict> AskAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult<CreationVerdict>(new CreationVerdict.Go(new CreationPermit(false, name)));

    public Task<string?> WhyWithdrawnAsync(CreationPermit permit, CancellationToken cancellationToken) => Task.FromResult(Withdrawn);

    public Task TellAsync(CreationPermit permit, string name, CreationResult result, CancellationToken cancellationToken)
    {
        Told.Add((name, result));
        return Task.CompletedTask;
    }
}
