#include "tools/check_data/survey.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>
#include <unordered_map>

#include "core/error.h"
#include "data/file.h"
#include "data/image.h"

namespace tessera::tools {
namespace {

// FNV-1a over 8 bytes at a time, the size first.
uint64_t hash_of(int64_t height, int64_t width, const void* content, size_t size) {
  uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * 1099511628211ULL;
    hash ^= hash >> 29;  // a product moves bits up alone
  };
  mix(static_cast<uint64_t>(height));
  mix(static_cast<uint64_t>(width));
  const auto* const bytes = static_cast<const unsigned char*>(content);
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
    mix(word);
  }
  return hash;
}

// Counts by runs along rows: masks are areas, so that there are far fewer runs than pixels.
std::unordered_map<int32_t, Occurrence> count_values(const MaskPixels& mask) {
  std::unordered_map<int32_t, Occurrence> counts;
  const int64_t width = mask.width;
  for (int64_t y = 0; y < mask.height; ++y) {
    const int32_t* const row = mask.values.data() + y * width;
    const int32_t* const above = y > 0 ? row - width : nullptr;
    const int32_t* const below = y + 1 < mask.height ? row + width : nullptr;
    for (int64_t x = 0; x < width;) {
      const int32_t value = row[x];
      int64_t end = x + 1, thin = 0;
      while (end < width && row[end] == value) ++end;
      for (int64_t i = x; i < end; ++i) thin += (!above || above[i] != value) && (!below || below[i] != value);
      if (end == x + 1) thin = 1;
      Occurrence& count = counts[value];
      count.pixels += end - x;
      count.thin += thin;
      x = end;
    }
  }
  return counts;
}

class Surveyor {
 public:
  Surveyor(const std::vector<data::Pair>& pairs, const SurveyOptions& options) : pairs_(pairs), options_(options) {}

  // Reads pair `index` into `facts`, and adds what is summed over pairs to sums().
  void read(int64_t index, PairFacts& facts) {
    const data::Pair& pair = pairs_[index];
    read_image(pair.image, facts.image);
    read_mask(pair.label, index, facts.mask);
    ++sums_.read_pairs;
  }
  const SplitSurvey& sums() const { return sums_; }

 private:
  void read_image(const std::filesystem::path& file, ImageFacts& facts) {
    try {
      const std::vector<uint8_t> bytes = data::read_file("read_image", file);
      facts.header = data::read_picture_header(bytes);
      facts.height = facts.header.height;
      facts.width = facts.header.width;
      if (!options_.decode_images && facts.height > 0) {
        facts.read = true;
        return;
      }
      const data::Image image = data::decode_image(bytes, file);
      facts.read = true;
      facts.height = image.height;
      facts.width = image.width;
      facts.hash = hash_of(image.height, image.width, image.pixels.data(), image.pixels.size());
      add_sums(image, facts);
    } catch (const Error& error) {
      facts.error = error.what();
    }
  }

  void add_sums(const data::Image& image, ImageFacts& facts) {
    std::array<uint64_t, 3> sum = {}, squares = {};
    bool grey = true;
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
      for (size_t c = 0; c < 3; ++c) {
        const uint64_t sample = image.pixels[i + c];
        sum[c] += sample;
        squares[c] += sample * sample;
      }
      grey = grey && image.pixels[i] == image.pixels[i + 1] && image.pixels[i] == image.pixels[i + 2];
    }
    facts.grey = grey;
    for (size_t c = 0; c < 3; ++c) {
      sums_.sum[c] += sum[c];
      sums_.sum_of_squares[c] += squares[c];
    }
    ++sums_.pictures_summed;
    sums_.pixels_summed += static_cast<int64_t>(image.pixels.size() / 3);
  }

  void read_mask(const std::filesystem::path& file, int64_t index, MaskFacts& facts) {
    try {
      const MaskPixels mask = read_mask_pixels(file, options_.encoding, facts.header);
      facts.read = true;
      facts.height = mask.height;
      facts.width = mask.width;
      facts.colors = mask.colors;
      facts.grey_as_rgb = mask.grey_as_rgb;
      facts.hash = hash_of(mask.height, mask.width, mask.values.data(), mask.values.size() * sizeof(int32_t));
      auto counts = count_values(mask);
      facts.distinct = static_cast<int64_t>(counts.size());
      if (!mask.colors) {
        const auto ignored = counts.find(static_cast<int32_t>(options_.ignore_index));
        if (ignored != counts.end()) facts.ignored = ignored->second.pixels;
      }
      for (auto& [value, count] : counts) {
        count.masks = 1;
        count.pixels_of_masks = mask.height * mask.width - facts.ignored;
        count.pairs = {index};
        add(value, mask.colors, count);
      }
    } catch (const Error& error) {
      facts.error = error.what();
    }
  }

  void add(int32_t value, bool color, const Occurrence& count) {
    if (!color) {
      sums_.values[value].add(count);
    } else if (sums_.colors.size() < kMostColors || sums_.colors.contains(static_cast<uint32_t>(value))) {
      sums_.colors[static_cast<uint32_t>(value)].add(count);
    } else {
      sums_.more_colors = true;
    }
  }

  const std::vector<data::Pair>& pairs_;
  const SurveyOptions& options_;
  SplitSurvey sums_;
};

// All numbers below `count`, so ordered that any first few are spread over the whole: steps near the golden section of it.
std::vector<int64_t> spread_order(int64_t count) {
  std::vector<int64_t> order;
  int64_t step = std::max<int64_t>(1, static_cast<int64_t>(0.6180339887 * static_cast<double>(count)));
  while (std::gcd(step, count) > 1) ++step;
  for (int64_t i = 0; i < count; ++i) order.push_back(i * step % count);
  return order;
}

}  // namespace

void Occurrence::add(const Occurrence& other) {
  pixels += other.pixels;
  thin += other.thin;
  masks += other.masks;
  pixels_of_masks += other.pixels_of_masks;
  pairs.insert(pairs.end(), other.pairs.begin(), other.pairs.end());
  std::sort(pairs.begin(), pairs.end());
  if (pairs.size() > kExamples) pairs.resize(kExamples);
}

void SplitSurvey::add(const SplitSurvey& other) {
  for (const auto& [value, count] : other.values) values[value].add(count);
  for (const auto& [color, count] : other.colors) colors[color].add(count);
  more_colors = more_colors || other.more_colors;
  pictures_summed += other.pictures_summed;
  pixels_summed += other.pixels_summed;
  read_pairs += other.read_pairs;
  for (size_t c = 0; c < 3; ++c) {
    sum[c] += other.sum[c];
    sum_of_squares[c] += other.sum_of_squares[c];
  }
}

void SplitSurvey::take_colors_as_values() {
  for (PairFacts& facts : pairs) facts.mask.colors = false;
  for (const auto& [color, count] : colors) values[color & 0xFF].add(count);
  colors.clear();
}

MaskPixels read_mask_pixels(const std::filesystem::path& file, const data::LabelEncoding& encoding, data::PictureHeader& header) {
  const std::vector<uint8_t> bytes = data::read_file("read_label", file);
  header = data::read_picture_header(bytes);
  MaskPixels mask;
  const bool one_channel = header.kind == data::PictureKind::png && header.channels <= 2;
  const bool sorted_by_values = header.kind == data::PictureKind::jpeg && !encoding.values.empty();
  const bool a_picture =
      header.kind == data::PictureKind::png || header.kind == data::PictureKind::jpeg || header.kind == data::PictureKind::bmp;
  if (one_channel || sorted_by_values || !a_picture) {
    data::Label label = one_channel ? data::decode_label(bytes, file) : data::read_stored_label(file, encoding);
    mask.height = label.height;
    mask.width = label.width;
    mask.values = std::move(label.ids);
    return mask;
  }
  const data::Image image = data::decode_image(bytes, file);
  mask.height = image.height;
  mask.width = image.width;
  mask.values.resize(image.pixels.size() / 3);
  bool grey = true;
  for (size_t i = 0; i < mask.values.size(); ++i) {
    const uint8_t* const rgb = image.pixels.data() + 3 * i;
    grey = grey && rgb[0] == rgb[1] && rgb[0] == rgb[2];
    mask.values[i] = rgb[0] << 16 | rgb[1] << 8 | rgb[2];
  }
  mask.colors = header.channels >= 3;
  mask.grey_as_rgb = mask.colors && grey;
  if (!mask.colors)
    for (int32_t& value : mask.values) value &= 0xFF;
  return mask;
}

SplitSurvey survey_pairs(const std::vector<data::Pair>& pairs, const SurveyOptions& options) {
  const auto count = static_cast<int64_t>(pairs.size());
  SplitSurvey survey;
  survey.pairs.resize(count);
  if (count == 0) return survey;

  const std::vector<int64_t> order = spread_order(count);
  const auto deadline = std::chrono::steady_clock::now() + options.budget.value_or(std::chrono::hours(10000));
  const int64_t wanted = options.threads > 0 ? options.threads : std::thread::hardware_concurrency();
  std::atomic<int64_t> next = 0, done = 0, running = 0;
  std::atomic<bool> stop = false;
  std::exception_ptr failure;
  std::mutex mutex;  // guards survey's sums and `failure`
  {
    std::vector<std::jthread> workers;
    running = std::clamp<int64_t>(wanted, 1, count);
    for (int64_t i = running; i > 0; --i)
      workers.emplace_back([&] {
        try {
          Surveyor surveyor(pairs, options);
          for (int64_t at = next++; at < count && !stop; at = next++) {
            surveyor.read(order[at], survey.pairs[order[at]]);
            ++done;
          }
          const std::lock_guard lock(mutex);
          survey.add(surveyor.sums());
        } catch (...) {  // out of memory, say
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
          stop = true;
        }
        --running;
      });
    for (int64_t reported = 0; running > 0;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (const int64_t now = done; options.progress && now > reported) {
        options.progress(now - reported);
        reported = now;
      }
      if (std::chrono::steady_clock::now() > deadline || (options.stop && options.stop())) stop = true;
    }
    if (options.progress) options.progress(0);
  }
  if (failure) std::rethrow_exception(failure);
  return survey;
}

}  // namespace tessera::tools
