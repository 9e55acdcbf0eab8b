using System.Text.Json;

namespace LoraAdmin.Domain.Storage;

/// <summary>Reads a safetensors header token by token; the first rule that it breaks ends the reading.</summary>
internal ref struct SafetensorsHeader
{
    private const int MaxRank = 16;
    private const int MaxNameLength = 1024;
    private const string MetadataName = "__metadata__";

    private static readonly string[] LoraMarks = ["lora_down", "lora_up", "lora_A", "lora_B", "lora.down", "lora.up", ".alpha"];

    private readonly long dataBytes;
    private readonly HashSet<string> names = new(StringComparer.Ordinal);
    private readonly List<(long Begin, long End)> ranges = [];
    private Utf8JsonReader json;
    private int loraTensors;

    private SafetensorsHeader(ReadOnlySpan<byte> header, long dataBytes)
    {
        this.dataBytes = dataBytes;
        json = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = 16 });
    }

    public static SafetensorsVerdict Check(ReadOnlySpan<byte> header, long dataBytes)
    {
        if (header.Length == 0 || header[0] != (byte)'{')
        {
            return new SafetensorsVerdict.Bad("The header does not begin with a JSON object.");
        }

        try
        {
            SafetensorsHeader reader = new(header, dataBytes);
            reader.ReadAll();
            return new SafetensorsVerdict.Good(reader.ranges.Count, reader.loraTensors);
        }
        catch (BrokenRuleException broken)
        {
            return new SafetensorsVerdict.Bad(broken.Message);
        }
        catch (JsonException broken)
        {
            return new SafetensorsVerdict.Bad($"The header is not JSON (line {broken.LineNumber + 1}, byte {broken.BytePositionInLine}).");
        }
        catch (InvalidOperationException)
        {
            return new SafetensorsVerdict.Bad("The header holds text that is not UTF-8.");
        }
    }

    private void ReadAll()
    {
        json.Read();
        while (NextName() is { } name)
        {
            if (!names.Add(name))
            {
                throw new BrokenRuleException($"\"{Shown(name)}\" stands twice in the header.");
            }

            if (name == MetadataName)
            {
                ReadMetadata();
            }
            else
            {
                ReadTensor(name);
            }
        }

        json.Read(); // Throws on anything but white space after the object.
        CheckCoverage();
        if (loraTensors == 0)
        {
            throw new BrokenRuleException("None of its tensors has a LoRA's name (lora_down, lora_up, lora_A, lora_B, alpha).");
        }
    }

    private void ReadMetadata()
    {
        Expect(JsonTokenType.StartObject, MetadataName);
        HashSet<string> keys = new(StringComparer.Ordinal);
        while (NextName() is { } key)
        {
            if (!keys.Add(key))
            {
                throw new BrokenRuleException($"\"{Shown(key)}\" stands twice in {MetadataName}.");
            }

            Expect(JsonTokenType.String, MetadataName);
        }
    }

    private void ReadTensor(string name)
    {
        if (name.Length > MaxNameLength)
        {
            throw new BrokenRuleException($"The tensor name \"{Shown(name)}\" is longer than {MaxNameLength} characters.");
        }

        if (ranges.Count == Safetensors.MaxTensors)
        {
            throw new BrokenRuleException($"It has more than {Safetensors.MaxTensors} tensors.");
        }

        Expect(JsonTokenType.StartObject, name);
        int bits = 0;
        List<long>? shape = null;
        List<long>? offsets = null;
        while (NextName() is { } member)
        {
            switch (member)
            {
                case "dtype" when bits == 0:
                    Expect(JsonTokenType.String, name);
                    bits = BitsOf(json.GetString()!, name);
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(MaxRank, name);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(2, name);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw new BrokenRuleException($"Tensor \"{Shown(name)}\" gives {member} twice.");
                default:
                    json.Read();
                    json.Skip();
                    break;
            }
        }

        if (bits == 0 || shape is null || offsets is not { Count: 2 })
        {
            throw new BrokenRuleException($"Tensor \"{Shown(name)}\" lacks its dtype, shape or two data_offsets.");
        }

        AddRange(name, bits, shape, offsets[0], offsets[1]);
        if (LoraMarks.Any(mark => name.Contains(mark, StringComparison.Ordinal)))
        {
            loraTensors++;
        }
    }

    private readonly void AddRange(string name, int bits, List<long> shape, long begin, long end)
    {
        if (begin > end || end > dataBytes)
        {
            throw new BrokenRuleException($"Tensor \"{Shown(name)}\" lies at {begin} to {end}, outside the file's {dataBytes} bytes of data.");
        }

        long size;
        try
        {
            long allBits = bits;
            foreach (long dimension in shape)
            {
                allBits = checked(allBits * dimension);
            }

            size = allBits % 8 == 0 ? allBits / 8 : throw new BrokenRuleException($"Tensor \"{Shown(name)}\" ends within a byte.");
        }
        catch (OverflowException)
        {
            throw new BrokenRuleException($"Tensor \"{Shown(name)}\" has a shape that no file can hold.");
        }

        if (size != end - begin)
        {
            throw new BrokenRuleException($"Tensor \"{Shown(name)}\" has {end - begin} bytes, but its dtype and shape need {size}.");
        }

        ranges.Add((begin, end));
    }

    private readonly void CheckCoverage()
    {
        ranges.Sort();
        long position = 0;
        foreach ((long begin, long end) in ranges)
        {
            if (begin != position)
            {
                throw new BrokenRuleException(
                    begin < position
                        ? $"Two tensors overlap at byte {begin} of the data."
                        : $"Bytes {position} to {begin} of the data belong to no tensor.");
            }

            position = end;
        }

        if (position != dataBytes)
        {
            throw new BrokenRuleException($"The tensors end at byte {position} of the data, the file at {dataBytes}.");
        }
    }

    private List<long> ReadNumbers(int most, string name)
    {
        Expect(JsonTokenType.StartArray, name);
        List<long> numbers = [];
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out long number) || number < 0 || numbers.Count == most)
            {
                throw new BrokenRuleException($"Tensor \"{Shown(name)}\" has a shape or data_offsets that are not a few whole numbers from 0 on.");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    private string? NextName()
    {
        json.Read();
        return json.TokenType == JsonTokenType.PropertyName ? json.GetString() : null;
    }

    private void Expect(JsonTokenType type, string name)
    {
        if (!json.Read() || json.TokenType != type)
        {
            throw new BrokenRuleException($"The value of \"{Shown(name)}\" has the wrong JSON type.");
        }
    }

    private static int BitsOf(string dtype, string name) => dtype switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "I64" or "U64" or "F64" or "C64" => 64,
        _ => throw new BrokenRuleException($"Tensor \"{Shown(name)}\" has the unknown dtype \"{Shown(dtype)}\"."),
    };

    private static string Shown(string text) => text.Length <= 80 ? text : $"{text.AsSpan(0, 80)}…";

    private sealed class BrokenRuleException(string message) : Exception(message);
}
