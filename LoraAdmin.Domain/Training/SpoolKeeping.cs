using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>The last step of every way into the spool: what lies there whole is checked to be a LoRA, and gets its name for good.</summary>
internal sealed class SpoolKeeping(ISpool spool)
{
    /// <param name="sizeBytes">How many bytes lie there.</param>
    /// <returns>Null: there is no such file.</returns>
    public async Task<FetchOutcome?> KeepAsync(string name, long sizeBytes, CancellationToken cancellationToken)
    {
        SpoolReading<Stream> opened = await spool.OpenAsync(name, cancellationToken);
        if (opened is SpoolReading<Stream>.Unreadable unopened)
        {
            return ArtifactFetch.Away(unopened.Reason);
        }

        if (opened.OrNull() is not { } content)
        {
            return null;
        }

        if (await CheckAsync(content, sizeBytes, cancellationToken) is { } problem)
        {
            return problem;
        }

        return await spool.SealAsync(name, cancellationToken) switch
        {
            SpoolOutcome.Done => new FetchOutcome.Proven(),
            SpoolOutcome.NoRoom full => new FetchOutcome.NoRoom(full.Reason),
            SpoolOutcome.Failed failed => new FetchOutcome.Stalled($"The spool can't keep the file: {failed.Reason}"),
            _ => new FetchOutcome.Stalled("The spool can't keep the file"),
        };
    }

    private static async Task<FetchOutcome?> CheckAsync(Stream content, long sizeBytes, CancellationToken cancellationToken)
    {
        try
        {
            await using (content)
            {
                return await Safetensors.CheckAsync(content, sizeBytes, cancellationToken) is SafetensorsVerdict.Bad bad
                    ? new FetchOutcome.NoLora($"The file is no LoRA in safetensors form: {bad.Reason}")
                    : null;
            }
        }
        catch (IOException unread)
        {
            return ArtifactFetch.Away(unread.Message);
        }
    }
}
