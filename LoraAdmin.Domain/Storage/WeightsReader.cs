using System.Buffers.Binary;

namespace LoraAdmin.Domain.Storage;

/// <summary>What came of putting a provider's weights into the spool.</summary>
public abstract record WeightsOutcome
{
    private WeightsOutcome()
    {
    }

    /// <summary>The one file lies in the spool as a part, fsynced; nothing is proven about it yet.</summary>
    public sealed record Taken : WeightsOutcome;

    /// <summary>It is nothing that is taken, and fetching it again gives the same. The spool has nothing of it.</summary>
    public sealed record Refused(string Reason) : WeightsOutcome;

    /// <summary>The connection broke, or the spool did not take it, for a reason that may pass.</summary>
    public sealed record Stalled(string Reason) : WeightsOutcome;

    public sealed record NoRoom(string Reason) : WeightsOutcome;
}

/// <summary>
/// Takes the one model out of what a provider hands over as weights: a safetensors file, or the single one in a tar. It reads forwards with little memory and
/// writes nowhere but into the spool, under the name it is given.
/// </summary>
public sealed class WeightsReader(ISpool spool, long maxBytes)
{
    /// <summary>Room in an archive for what lies beside the model: settings, captions, samples.</summary>
    public const long BesideBytes = 256L * 1024 * 1024;

    private const string ModelSuffix = ".safetensors";

    /// <param name="name">In the spool; what lies there unsealed under it is replaced.</param>
    public async Task<WeightsOutcome> TakeAsync(Stream weights, string name, CancellationToken cancellationToken)
    {
        try
        {
            byte[] start = new byte[TarEntries.BlockBytes];
            int read = await weights.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
            await using PrefixedStream whole = new(start.AsMemory(0, read), weights);
            await using BoundedStream bounded = new(whole, maxBytes);
            return TarEntries.IsStart(start.AsSpan(0, read)) ? await FromTarAsync(whole, name, cancellationToken)
                : LooksLikeModel(start.AsSpan(0, read)) ? await AppendAsync(bounded, name, cancellationToken)
                : new WeightsOutcome.Refused("The weights are neither a safetensors file nor a tar.");
        }
        catch (TarRefusedException refused)
        {
            return await RefuseAsync(refused.Message, name, cancellationToken);
        }
        catch (IOException broken)
        {
            return new WeightsOutcome.Stalled($"The weights could not be read to their end: {broken.Message}");
        }
    }

    /// <summary>Only its own check says whether it is one; this tells it from an archive or a page of words.</summary>
    private static bool LooksLikeModel(ReadOnlySpan<byte> start) =>
        start.Length > sizeof(ulong) && BinaryPrimitives.ReadUInt64LittleEndian(start) <= Safetensors.MaxHeaderBytes && start[sizeof(ulong)] == (byte)'{';

    private async Task<WeightsOutcome> FromTarAsync(Stream tar, string name, CancellationToken cancellationToken)
    {
        TarEntries entries = new(tar, maxBytes, maxBytes + BesideBytes);
        string? model = null;
        while (await entries.NextAsync(cancellationToken) is { } file)
        {
            if (!file.Path.EndsWith(ModelSuffix, StringComparison.Ordinal))
            {
                continue;
            }

            if (model is not null)
            {
                throw new TarRefusedException($"The archive holds two models, \"{model}\" and \"{file.Path}\": which one is meant can't be told.");
            }

            model = file.Path;
            await using Stream content = entries.OpenCurrent();
            WeightsOutcome outcome = await AppendAsync(content, name, cancellationToken);
            if (outcome is not WeightsOutcome.Taken)
            {
                return outcome;
            }
        }

        return model is null ? throw new TarRefusedException("The archive holds no safetensors file.") : new WeightsOutcome.Taken();
    }

    private async Task<WeightsOutcome> AppendAsync(Stream content, string name, CancellationToken cancellationToken)
    {
        SpoolOutcome outcome = await spool.AppendAsync(name, 0, content, cancellationToken);
        if (content is BoundedStream { IsPassed: true })
        {
            return await RefuseAsync($"The weights are larger than {maxBytes} bytes.", name, cancellationToken);
        }

        return outcome switch
        {
            SpoolOutcome.Done => new WeightsOutcome.Taken(),
            SpoolOutcome.NoRoom full => new WeightsOutcome.NoRoom(full.Reason),
            SpoolOutcome.Broken broken => new WeightsOutcome.Stalled($"The weights broke off: {broken.Reason}"),
            SpoolOutcome.Failed failed => new WeightsOutcome.Stalled($"The spool does not take the file: {failed.Reason}"),
            _ => new WeightsOutcome.Stalled("The spool does not take the file."),
        };
    }

    private async Task<WeightsOutcome> RefuseAsync(string reason, string name, CancellationToken cancellationToken) =>
        await spool.DeleteAsync(name, cancellationToken)
            ? new WeightsOutcome.Refused(reason)
            : new WeightsOutcome.Stalled($"{reason} What came of it can't be removed from the spool");

    /// <summary>What was read to look at it, and then the rest.</summary>
    private sealed class PrefixedStream(ReadOnlyMemory<byte> prefix, Stream rest) : ForwardStream
    {
        private ReadOnlyMemory<byte> left = prefix;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (left.IsEmpty || buffer.Length == 0)
            {
                return rest.ReadAsync(buffer, cancellationToken);
            }

            int count = Math.Min(buffer.Length, left.Length);
            left[..count].CopyTo(buffer);
            left = left[count..];
            return ValueTask.FromResult(count);
        }
    }

    /// <summary>Ends the reading with an <see cref="IOException"/> where more comes than may.</summary>
    private sealed class BoundedStream(Stream inner, long most) : ForwardStream
    {
        private long seen;

        public bool IsPassed => seen > most;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken);
            seen += read;
            return IsPassed ? throw new IOException($"More than {most} bytes come.") : read;
        }
    }
}
