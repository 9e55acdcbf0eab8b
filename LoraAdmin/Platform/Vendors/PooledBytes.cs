using System.Buffers;

namespace LoraAdmin.Platform.Vendors;

/// <summary>
/// Collects bytes whose number nobody knows beforehand in pieces of the shared pool. A stream that doubles leaves several times a long answer behind
/// as garbage, with every listing of the account again.
/// </summary>
internal sealed class PooledBytes : IDisposable
{
    /// <summary>Below the size from which arrays live until the costliest collection.</summary>
    private const int PieceBytes = 64 * 1024;

    private readonly List<byte[]> full = [];
    private byte[] current = ArrayPool<byte>.Shared.Rent(PieceBytes);
    private int used;

    public long Length { get; private set; }

    /// <summary>Where the next bytes go; never empty. What was written there counts by <see cref="Filled"/>.</summary>
    public Memory<byte> Room
    {
        get
        {
            if (used == current.Length)
            {
                full.Add(current);
                current = ArrayPool<byte>.Shared.Rent(PieceBytes);
                used = 0;
            }

            return current.AsMemory(used);
        }
    }

    public void Filled(int count)
    {
        used += count;
        Length += count;
    }

    public byte[] ToArray()
    {
        byte[] all = GC.AllocateUninitializedArray<byte>(checked((int)Length));
        int at = 0;
        foreach (byte[] piece in full)
        {
            piece.CopyTo(all, at);
            at += piece.Length;
        }

        current.AsSpan(0, used).CopyTo(all.AsSpan(at));
        return all;
    }

    public void Dispose()
    {
        foreach (byte[] piece in full)
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        full.Clear();
        ArrayPool<byte>.Shared.Return(current);
    }
}
