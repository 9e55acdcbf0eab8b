using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Training;
using Microsoft.AspNetCore.DataProtection;

namespace LoraAdmin.Api;

/// <summary>Cursors that callers can neither read nor make: a changed one is told from a good one.</summary>
internal sealed class JobCursors(IDataProtectionProvider protection)
{
    private readonly IDataProtector protector = protection.CreateProtector("LoraAdmin.Api.JobCursor.v1");

    public string Write(JobCursor cursor)
    {
        byte[] bytes = new byte[24];
        BinaryPrimitives.WriteInt64BigEndian(bytes, cursor.CreatedAt.UtcTicks);
        cursor.Id.Value.TryWriteBytes(bytes.AsSpan(8), bigEndian: true, out _);
        return Base64Url.EncodeToString(protector.Protect(bytes));
    }

    /// <summary>Null: not a cursor of this portal.</summary>
    public JobCursor? Read(string text)
    {
        if (text.Length > 1024 || !Base64Url.IsValid(text))
        {
            return null;
        }

        try
        {
            byte[] bytes = protector.Unprotect(Base64Url.DecodeFromChars(text));
            return bytes.Length == 24
                ? new JobCursor(new DateTimeOffset(BinaryPrimitives.ReadInt64BigEndian(bytes), TimeSpan.Zero), new JobId(new Guid(bytes.AsSpan(8), bigEndian: true)))
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
