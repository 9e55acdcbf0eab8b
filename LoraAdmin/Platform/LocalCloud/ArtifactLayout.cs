using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// The shape of a trained file of a given size: a safetensors file with the tensor names of an SDXL LoRA in F16. Its bytes are a function of a
/// seed and the offset, so that any range is made when it is asked for and nothing is kept per pod.
/// </summary>
public sealed class ArtifactLayout
{
    public const long SmallestBytes = 8 * 1024;

    /// <summary>What the agent's contract allows (docs/pod-agent.md).</summary>
    public const long LargestBytes = 2L * 1024 * 1024 * 1024;

    private const string SeedPlaceholder = "0000000000000000";
    private static readonly ConcurrentDictionary<long, ArtifactLayout> Known = new();
    private readonly byte[] header;
    private readonly int seedAt;
    private readonly long weightBytes;
    private readonly ushort alpha;

    private ArtifactLayout(long targetBytes)
    {
        int width = targetBytes < 256 * 1024 ? 32 : 640;
        List<string> modules = Modules();
        int rank = 4;
        while (Size(modules.Count, rank, width) < targetBytes)
        {
            rank *= 2;
        }

        int count = (int)Math.Clamp(targetBytes / Size(1, rank, width), 1, modules.Count);
        alpha = BitConverter.HalfToUInt16Bits((Half)rank);
        weightBytes = (long)count * 2 * rank * width * sizeof(ushort);
        StringBuilder json = new();
        json.Append("{\"__metadata__\":{\"format\":\"pt\",\"ss_network_module\":\"networks.lora\",\"ss_network_dim\":\"")
            .Append(rank).Append("\",\"ss_network_alpha\":\"").Append(rank).Append("\",\"ss_base_model_version\":\"sdxl_base_v1-0\",\"ss_seed\":\"");
        seedAt = sizeof(ulong) + json.Length;
        json.Append(SeedPlaceholder).Append("\"}");
        long offset = 0;
        foreach (string module in modules.Take(count))
        {
            Tensor(json, $"{module}.lora_down.weight", $"{rank},{width}", ref offset, (long)rank * width);
            Tensor(json, $"{module}.lora_up.weight", $"{width},{rank}", ref offset, (long)rank * width);
        }

        foreach (string module in modules.Take(count))
        {
            Tensor(json, $"{module}.alpha", "", ref offset, 1);
        }

        json.Append('}');
        int padded = (json.Length + 7) / 8 * 8;
        json.Append(' ', padded - json.Length);
        header = new byte[sizeof(ulong) + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        Encoding.ASCII.GetBytes(json.ToString(), header.AsSpan(sizeof(ulong)));
        TotalBytes = header.Length + offset;
    }

    /// <summary>Size of the whole file.</summary>
    public long TotalBytes { get; }

    /// <summary>The layout nearest below a wished size; layouts are kept.</summary>
    public static ArtifactLayout For(long targetBytes) => Known.GetOrAdd(targetBytes, static bytes => new ArtifactLayout(bytes));

    /// <summary>The seed of a pod's file: another name, another file.</summary>
    public static ulong SeedOf(int seed, string podName) =>
        BinaryPrimitives.ReadUInt64LittleEndian(
            SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{seed}:{podName}"))));

    /// <summary>Writes the bytes of the file that stand at an offset; the range lies within the file.</summary>
    /// <param name="wellFormed">False: the file begins like an archive, as a trainer writes that saves the older format under the same name.</param>
    public void Fill(ulong seed, long offset, Span<byte> target, bool wellFormed = true)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + target.Length, TotalBytes);
        Span<byte> start = target;
        long from = offset;
        if (offset < header.Length)
        {
            int length = (int)Math.Min(target.Length, header.Length - offset);
            header.AsSpan((int)offset, length).CopyTo(target);
            WriteSeed(seed, offset, target[..length]);
            target = target[length..];
            offset += length;
        }

        long at = offset - header.Length;
        int weights = (int)Math.Clamp(weightBytes - at, 0, target.Length);
        FillWeights(seed, at, target[..weights]);
        FillAlphas(at + weights - weightBytes, target[weights..]);
        if (!wellFormed && from < ArchiveStart.Length)
        {
            int length = (int)Math.Min(start.Length, ArchiveStart.Length - from);
            ArchiveStart.Slice((int)from, length).CopyTo(start);
        }
    }

    /// <summary>Of the whole file, in bounded memory: a large one takes seconds.</summary>
    public string Sha256(ulong seed, bool wellFormed = true)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[(int)Math.Min(TotalBytes, 64 * 1024)];
        for (long at = 0; at < TotalBytes; at += buffer.Length)
        {
            int length = (int)Math.Min(buffer.Length, TotalBytes - at);
            Fill(seed, at, buffer.AsSpan(0, length), wellFormed);
            hash.AppendData(buffer, 0, length);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static ReadOnlySpan<byte> ArchiveStart => "PK\u0003\u0004"u8;

    private static long Size(int modules, int rank, int width) => (long)modules * ((4L * rank * width) + 450);

    private static void Tensor(StringBuilder json, string name, string shape, ref long offset, long elements)
    {
        long end = offset + (elements * sizeof(ushort));
        json.Append(CultureInfo.InvariantCulture, $",\"{name}\":{{\"dtype\":\"F16\",\"shape\":[{shape}],\"data_offsets\":[{offset},{end}]}}");
        offset = end;
    }

    private static List<string> Modules()
    {
        List<string> names = [];
        foreach ((string block, int attentions, int transformers) in new[]
        {
            ("down_blocks_1", 2, 2), ("down_blocks_2", 2, 10), ("mid_block", 1, 10), ("up_blocks_0", 3, 10), ("up_blocks_1", 3, 2),
        })
        {
            for (int a = 0; a < attentions; a++)
            {
                for (int t = 0; t < transformers; t++)
                {
                    foreach (string attention in new[] { "attn1", "attn2" })
                    {
                        foreach (string projection in new[] { "to_q", "to_k", "to_v", "to_out_0" })
                        {
                            names.Add($"lora_unet_{block}_attentions_{a}_transformer_blocks_{t}_{attention}_{projection}");
                        }
                    }
                }
            }
        }

        return names;
    }

    private static void FillWeights(ulong seed, long at, Span<byte> target)
    {
        long block = at / sizeof(ulong);
        int skip = (int)(at % sizeof(ulong));
        Span<byte> single = stackalloc byte[sizeof(ulong)];
        if (skip > 0 && target.Length > 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(single, Weights(seed, block++));
            int length = Math.Min(target.Length, sizeof(ulong) - skip);
            single.Slice(skip, length).CopyTo(target);
            target = target[length..];
        }

        Span<ulong> whole = MemoryMarshal.Cast<byte, ulong>(target);
        for (int i = 0; i < whole.Length; i++)
        {
            ulong value = Weights(seed, block++);
            whole[i] = BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);
        }

        target = target[(whole.Length * sizeof(ulong))..];
        if (target.Length > 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(single, Weights(seed, block));
            single[..target.Length].CopyTo(target);
        }
    }

    /// <summary>Four F16 numbers between 0.0078 and 0.0156, of either sign (SplitMix64).</summary>
    private static ulong Weights(ulong seed, long block)
    {
        ulong z = seed + ((ulong)(block + 1) * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (z & 0x83FF_83FF_83FF_83FF) | 0x2000_2000_2000_2000;
    }

    private void FillAlphas(long at, Span<byte> target)
    {
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = (byte)((at + i) % 2 == 0 ? alpha & 0xFF : alpha >> 8);
        }
    }

    private void WriteSeed(ulong seed, long offset, Span<byte> target)
    {
        string text = seed.ToString("x16", CultureInfo.InvariantCulture);
        for (int i = 0; i < text.Length; i++)
        {
            long at = seedAt + i - offset;
            if (at >= 0 && at < target.Length)
            {
                target[(int)at] = (byte)text[i];
            }
        }
    }
}

/// <summary>A range of a trained file, made while it is read.</summary>
public sealed class ArtifactStream(ArtifactLayout layout, ulong seed, long offset, long length, bool wellFormed = true) : Stream
{
    private long position;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int count = (int)Math.Min(buffer.Length, length - position);
        if (count > 0)
        {
            layout.Fill(seed, offset + position, buffer[..count], wellFormed);
            position += count;
        }

        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
