using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>What one step of fetching a trained file did.</summary>
internal abstract record FetchOutcome
{
    private FetchOutcome()
    {
    }

    /// <summary>Length and SHA-256 are as announced, it is a whole safetensors file, sealed and fsynced.</summary>
    public sealed record Proven : FetchOutcome;

    public sealed record Progress : FetchOutcome;

    /// <summary>Nothing more of it has come, for a reason that may pass.</summary>
    public sealed record Stalled(string Reason) : FetchOutcome;

    public sealed record NoRoom(string Reason) : FetchOutcome;

    /// <summary>The spool can't be read, so nothing is known of what lies in it.</summary>
    public sealed record Away(string Reason) : FetchOutcome;

    /// <summary>What came is not what was announced; it is thrown away and may be fetched again.</summary>
    public sealed record Altered(string Detail) : FetchOutcome;

    /// <summary>It is what was announced, and no LoRA: fetching it again does not help.</summary>
    public sealed record NoLora(string Detail) : FetchOutcome;
}

/// <summary>Fetches trained files from agents into this instance's spool, by ranges, going on where the spool ends.</summary>
internal sealed class ArtifactFetch(IPodAgent agent, ISpool spool)
{
    private readonly SpoolKeeping keeping = new(spool);

    /// <summary>Fetches one more range, or proves the file when it is whole.</summary>
    /// <param name="mayDrop">Asked right before a file that is not as announced is removed: false leaves it.</param>
    public async Task<FetchOutcome> StepAsync(
        AgentAddress address, string name, ArtifactInfo artifact, Func<CancellationToken, Task<bool>> mayDrop, CancellationToken cancellationToken)
    {
        SpoolReading<SpoolFile> found = await spool.FindAsync(name, cancellationToken);
        if (found is SpoolReading<SpoolFile>.Unreadable unread)
        {
            return Away(unread.Reason);
        }

        long have = found.OrNull()?.LengthBytes ?? 0;
        if (have < artifact.SizeBytes)
        {
            return await RangeAsync(address, name, have, artifact, cancellationToken);
        }

        SpoolReading<SpoolDigest> digested = await spool.DigestAsync(name, cancellationToken);
        if (digested is SpoolReading<SpoolDigest>.Unreadable undigested)
        {
            return Away(undigested.Reason);
        }

        SpoolDigest? digest = digested.OrNull();
        if (digest is null || digest.LengthBytes != artifact.SizeBytes || digest.Sha256 != artifact.Sha256)
        {
            string detail = $"The fetched file has SHA-256 {digest?.Sha256} and {digest?.LengthBytes} bytes; the agent announced {artifact.Sha256} and {artifact.SizeBytes}";
            return await DropAsync(name, mayDrop, cancellationToken) ?? new FetchOutcome.Altered(detail);
        }

        return await keeping.KeepAsync(name, artifact.SizeBytes, cancellationToken) ?? new FetchOutcome.Progress();
    }

    private async Task<FetchOutcome> RangeAsync(AgentAddress address, string name, long have, ArtifactInfo artifact, CancellationToken cancellationToken)
    {
        long missing = artifact.SizeBytes - have;
        if (await spool.ReadRoomAsync(cancellationToken) is { } room && room < missing)
        {
            return new FetchOutcome.NoRoom(NoRoomWords(missing, room));
        }

        AgentReply<ArtifactRange> reply = await agent.ReadArtifactAsync(address, have, Math.Min(agent.MaxRangeBytes, missing), cancellationToken);
        if (reply.Value is not { } range)
        {
            return new FetchOutcome.Stalled($"The file could not be fetched from byte {have} on: {reply.Detail}");
        }

        await using (range.Content)
        {
            return await spool.AppendAsync(name, have, range.Content, cancellationToken) switch
            {
                SpoolOutcome.Done => new FetchOutcome.Progress(),
                SpoolOutcome.Broken { File.LengthBytes: var length } when length > have => new FetchOutcome.Progress(),
                SpoolOutcome.Broken broken => new FetchOutcome.Stalled($"The connection to the pod breaks: {broken.Reason}"),
                SpoolOutcome.NoRoom full => new FetchOutcome.NoRoom(full.Reason),
                SpoolOutcome.Failed failed => new FetchOutcome.Stalled($"The spool does not take the file: {failed.Reason}"),
                _ => new FetchOutcome.Stalled("The spool does not take the file"),
            };
        }
    }

    private async Task<FetchOutcome?> DropAsync(string name, Func<CancellationToken, Task<bool>> mayDrop, CancellationToken cancellationToken)
    {
        if (!await mayDrop(cancellationToken))
        {
            return new FetchOutcome.Stalled("What lies in the spool under this name is not as the agent announces, and is another's by now");
        }

        return await spool.DeleteAsync(name, cancellationToken) ? null : new FetchOutcome.Stalled("The damaged file can't be removed from the spool");
    }

    /// <summary>Nothing is known about the file while the spool can't be read: neither its bytes nor the pod are given up for it.</summary>
    internal static FetchOutcome.Away Away(string reason) => new(AwayWords(reason));

    public static string AwayWords(string reason) => $"The spool can't be read: {reason}";

    public static string NoRoomWords(long missing, long room) =>
        $"The spool's disk has room for {room} bytes and the file needs {missing} more. Make room on it";
}
